"""What the E-steps have drawn, in the run folder: one file for each batch of crops, `round-0003/00032.safetensors`.

A batch that is there is not drawn again. That is how an E-step goes on after an interruption, and how the members of
a team come by each other's work.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from emdiff_app.errors import RunError

from .tensor_files import DamagedError, read_tensors, write_tensors

__all__ = ["Samples", "Tensors"]

Tensors = dict[str, Tensor]


@dataclass
class Samples:
    """Batches of a round under the number of their first crop, and other things that are computed once.

    Every file says what it was drawn by; one that was drawn by something else counts as missing. What the disk
    refuses is kept in memory and offered to it again.
    """

    folder: Path
    complain: Callable[[RunError], None] = lambda error: None
    _refused: dict[Path, tuple[Tensors, str]] = field(default_factory=dict)

    def batch(self, number: int, first: int) -> Path:
        return self.folder / f"round-{number:04d}" / f"{first:05d}.safetensors"

    def read(self, path: Path, drawn_by: str | None = None) -> Tensors | None:
        """The tensors, or None if they are missing, damaged, or not `drawn_by` this (None: whatever drew them)."""
        if path in self._refused:
            tensors, by = self._refused[path]
            return tensors if drawn_by in (None, by) else None
        try:
            tensors, notes = read_tensors(path)
        except (OSError, DamagedError):
            return None
        return tensors if drawn_by in (None, notes.get("drawn_by")) else None

    def write(self, path: Path, tensors: Tensors, drawn_by: str = "") -> None:
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        self._refused[path] = tensors, drawn_by
        self.offer()

    def offer(self) -> bool:
        """Write what the disk has refused so far; False while it still refuses."""
        for path, (tensors, drawn_by) in list(self._refused.items()):
            try:
                _make_folder(path.parent, self.folder.parent)
                write_tensors(path, tensors, {"drawn_by": drawn_by})
            except RunError as error:
                self.complain(error)
                return False
            del self._refused[path]
        return True

    def forget(self, before: int) -> None:
        """Remove the rounds before this one; they serve nothing any more."""
        for folder in self.folder.glob("round-*"):
            if folder.name < f"round-{before:04d}":
                shutil.rmtree(folder, ignore_errors=True)
        for path in [p for p in self._refused if p.parent.name < f"round-{before:04d}"]:
            del self._refused[path]


def _make_folder(path: Path, run: Path) -> None:
    """In the run folder, where that is: a disk that is away must not get a second one in its place."""
    try:
        run.stat()
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{path} could not be made ({error.strerror}); nothing was changed.") from error
