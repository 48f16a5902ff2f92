"""Results that are kept between runs, by what they were made from: data, settings, and the program itself."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import torch

import emdiff_app
from emdiff_app.images.atomic import write_bytes

__all__ = ["bench_folder", "digest", "kept", "kept_or_again", "program"]

ROOMS = ("physics", "diffusion", "posterior", "learning", "baselines")


def bench_folder() -> Path:
    """Where benchmarks keep what took long."""
    return Path(platformdirs.user_cache_dir("emdiff")) / "bench"


def digest(*things: Any) -> str:
    """A short name for exactly these arrays, tensors, models and plain values."""
    found = hashlib.sha256()
    for thing in things:
        array = thing.numpy() if isinstance(thing, torch.Tensor) else thing
        if isinstance(array, np.ndarray):
            found.update(f"{array.dtype}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
        else:
            text = thing.to_json() if hasattr(thing, "to_json") else json.dumps(thing, sort_keys=True)
            found.update(text.encode())
        found.update(b"|")
    return found.hexdigest()[:16]


@functools.cache
def program(*rooms: str) -> str:
    """The source of these rooms (by default all that figures depend on): another program, other figures."""
    package = Path(emdiff_app.__file__).parent
    files = [path for room in rooms or ROOMS for path in sorted((package / room).rglob("*.py"))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


def kept(name: str, content: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The result of `compute`, read where it was computed from the same `content` before."""
    path = bench_folder() / f"{name}-{content}.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    except (OSError, ValueError):
        pass
    made = compute()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, json.dumps(made).encode())
    return made


def kept_or_again(
    name: str, content: str, compute: Callable[[], dict[str, Any]], *, wanted: bool, again: bool
) -> dict[str, Any] | None:
    """Like `kept`; what is not `wanted` is only looked up, and what is wanted `again` is computed anew."""
    path = bench_folder() / f"{name}-{content}.json"
    if not wanted and not path.is_file():
        return None
    if wanted and again:
        path.unlink(missing_ok=True)
    return kept(name, content, compute)
