"""Checkpoints: everything a run needs to go on, written so that a power cut leaves the old or the new.

A nested dictionary of tensors and plain values becomes one file: tensors under their path, the rest as JSON in its
header.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from emdiff_app.errors import RunError
from emdiff_app.images.atomic import replacing

from .tensor_files import read_tensors, write_tensors

__all__ = ["BEST", "keep_as_best", "latest", "oldest_round", "read_checkpoint", "save_checkpoint"]

KEPT = 3
BEST = "best.safetensors"


def save_checkpoint(folder: Path, round_number: int, step: int | None, state: dict[str, Any]) -> Path:
    """Write `round-0003-step-000400.safetensors`, or `round-0003.safetensors` for a whole round; keep the last few.

    Names sort by time.
    """
    tensors: dict[str, torch.Tensor] = {}
    plain = _split(state, "", tensors)
    middle = "" if step is None else f"-step-{step:06d}"
    path = folder / f"round-{round_number:04d}{middle}.safetensors"
    write_tensors(path, tensors, {"plain": json.dumps(plain)})
    for old in _all(folder)[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def keep_as_best(path: Path) -> None:
    """Keep a checkpoint as `best.safetensors` when the others go; not twice on the disk where it allows that."""
    with replacing(path.with_name(BEST), overwrite=True, error=RunError) as temporary:
        try:
            os.link(path, temporary)
        except OSError:
            temporary.write_bytes(path.read_bytes())


def latest(folder: Path) -> tuple[str | None, list[str]]:
    """The name of the newest checkpoint that can be read, and of newer ones that cannot: these get another name.

    That of the best round comes last. What is damaged stays for whoever wants to look at it, but out of the way of
    those that follow.
    """
    damaged: list[str] = []
    best = [folder / BEST] if (folder / BEST).is_file() else []
    for path in (*reversed(_all(folder)), *best):
        try:
            read_checkpoint(path)
        except Exception:
            damaged.append(path.name)
            with contextlib.suppress(OSError):
                path.replace(path.with_name(f"{path.name}.damaged"))
        else:
            return path.name, damaged
    return None, damaged


def oldest_round(folder: Path) -> int:
    """The round of the oldest checkpoint that may be gone back to."""
    for path in _all(folder):
        with contextlib.suppress(ValueError):
            return int(path.stem.split("-")[1])
    return 0


def _all(folder: Path) -> list[Path]:
    return sorted(folder.glob("round-*.safetensors"))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What was saved."""
    tensors, notes = read_tensors(path)
    state: dict[str, Any] = json.loads(notes["plain"])
    for name, tensor in tensors.items():
        _put(state, name.split("/"), tensor)
    return _numbered(state)


def _split(value: Any, path: str, tensors: dict[str, torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        tensors[path] = value.detach().cpu().contiguous()
        return None
    if isinstance(value, dict):
        items: Iterator[tuple[str, Any]] = ((str(k), v) for k, v in value.items())
        return {k: _split(v, f"{path}/{k}" if path else k, tensors) for k, v in items}
    return list(value) if isinstance(value, tuple) else value


def _put(state: dict[str, Any], keys: list[str], tensor: torch.Tensor) -> None:
    for key in keys[:-1]:
        state = state[key]
    state[keys[-1]] = tensor


def _numbered(value: Any) -> Any:
    """JSON keys are strings; an optimiser's state is numbered."""
    if isinstance(value, dict):
        return {int(k) if k.isdigit() else k: _numbered(v) for k, v in value.items()}
    return value
