"""Checkpoints: everything a run needs to go on, written so that a power cut leaves the old or the new.

A nested dictionary of tensors and plain values becomes one safetensors file: tensors under their path,
the rest as JSON in its header. No pickle: a run folder may come from a colleague.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from emdiff_app.errors import RunError
from emdiff_app.images.atomic import replacing

__all__ = ["load_latest", "save_checkpoint"]

KEPT = 3


def save_checkpoint(folder: Path, number: int, state: dict[str, Any]) -> Path:
    """Write `round-NNNN.safetensors` and forget all but the last few."""
    tensors: dict[str, torch.Tensor] = {}
    plain = _split(state, "", tensors)
    path = folder / f"round-{number:04d}.safetensors"
    with replacing(path, overwrite=True, error=RunError) as temporary:
        safetensors.torch.save_file(tensors, temporary, metadata={"plain": json.dumps(plain)})
    for old in sorted(folder.glob("round-*.safetensors"))[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def load_latest(folder: Path) -> tuple[dict[str, Any] | None, list[str]]:
    """The newest checkpoint that can be read, and the names of newer ones that cannot."""
    damaged: list[str] = []
    for path in sorted(folder.glob("round-*.safetensors"), reverse=True):
        try:
            return _read(path), damaged
        except Exception:
            damaged.append(path.name)
    return None, damaged


def _read(path: Path) -> dict[str, Any]:
    with safetensors.safe_open(path, framework="pt") as file:
        state: dict[str, Any] = json.loads(file.metadata()["plain"])
        for name in file.keys():  # noqa: SIM118 - not a dictionary
            _put(state, name.split("/"), file.get_tensor(name))
    return _numbered(state)


def _split(value: Any, path: str, tensors: dict[str, torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        tensors[path] = value.detach().cpu().contiguous().clone()
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
