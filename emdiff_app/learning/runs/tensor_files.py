"""Files of tensors that know when they are damaged: their header holds a checksum of what follows.

No pickle: a run folder may come from a colleague.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from emdiff_app.errors import RunError
from emdiff_app.images.atomic import write_bytes

__all__ = ["DamagedError", "read_tensors", "write_tensors"]

CHECKSUM = "sha256"


class DamagedError(ValueError):
    """What is in the file is not what was written."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> None:
    """Write the file in one piece; `notes` go into its header."""
    own = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    header = {**notes, CHECKSUM: _checksum(own, notes)}
    write_bytes(path, safetensors.torch.save(own, metadata=header), error=RunError)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the notes. `DamagedError` or an OSError where they cannot be had as they were written."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            notes: dict[str, str] = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dictionary
    except safetensors.SafetensorError as error:
        raise DamagedError(str(error)) from None
    if notes.pop(CHECKSUM, "") != _checksum(tensors, notes):
        raise DamagedError(f"{path.name} does not hold what was written to it")
    return tensors, notes


def _checksum(tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> str:
    found = hashlib.sha256(repr(sorted(notes.items())).encode())
    for name in sorted(tensors):
        found.update(name.encode())
        found.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()
