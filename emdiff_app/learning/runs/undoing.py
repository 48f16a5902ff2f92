"""Taking back what a run folder was made of, so that the same place can be tried again."""

import contextlib
import shutil
from pathlib import Path

__all__ = ["take_back", "to_be_made"]

PARTS = (
    "recipe.json",
    "checkpoints",
    "previews",
    "control",
    "model",
    "samples",
    "events.jsonl",
    "inputs.json",
    "lock",
)
"""What a run folder holds before anything is learned; everything else is left alone."""


def to_be_made(path: Path) -> list[Path]:
    """This folder and those above it, as far as they do not exist yet."""
    path = path.absolute()
    return [folder for folder in (path, *path.parents) if not folder.exists()]


def take_back(path: Path, made: list[Path]) -> None:
    """Remove the parts of a run, and the folders `made` for it if nothing else is in them."""
    for part in (path / name for name in PARTS):
        with contextlib.suppress(OSError):
            if part.is_dir() and not part.is_symlink():
                shutil.rmtree(part)
            else:
                part.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        for folder in made:
            folder.rmdir()
