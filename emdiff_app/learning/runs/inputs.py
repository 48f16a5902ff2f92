"""What a run learns from is the same from its beginning to its end, whoever tidies up, or edits, meanwhile.

When it begins, the run notes what its crops depend on: choices of the recipe, and of every image the size and a
checksum. While it learns the images are looked at now and then; their content is compared where a file was touched,
and always when a run goes on.
"""

import errno
import glob
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emdiff_app.errors import RunError
from emdiff_app.images.atomic import write_bytes

__all__ = ["Inputs", "InputsGoneError"]

LOOKED_AT = 1 << 26
"""So many bytes are compared of all images together: of large ones blocks from all over the file."""
BLOCK = 1 << 14
MOST_ENTRIES = 20_000


class InputsGoneError(RunError):
    """An image is not there now; what was learned from it is as good as before."""


class Inputs:
    """What the files and the choices were when the run began; `check` is cheap unless a file has been touched."""

    def __init__(self, note: Path, files: Sequence[Path], choices: Mapping[str, Any]) -> None:
        self.note, self.files, self.choices = note, files, dict(choices)
        self.known: list[str] = []
        """A mark of each file: its size, how much of it was looked at, and what was seen there."""
        self._stamps: dict[Path, str] = {}

    def recall(self) -> None:
        """Compare with what was noted when the run began, if it has begun."""
        try:
            noted = json.loads(self.note.read_text(encoding="utf-8"))
            choices, known = dict(noted["choices"]), [str(mark) for mark in noted["images"]]
        except (OSError, ValueError, KeyError, TypeError):
            return
        changed = [name for name, value in self.choices.items() if choices.get(name) != value]
        if changed or len(known) != len(self.files):
            what = ", ".join(f"`{name}`" for name in changed) or "`stacks`, `clean` or `similar`"
            raise RunError(
                f"The recipe was changed in {what}, which a run that has begun cannot follow: what it has drawn and "
                "learned comes from the old one, and is kept. Put the old one back and resume, or start a new run."
            )
        self.known = known
        self.check()

    def begin(self) -> None:
        """Note what the images and choices are, unless that is known."""
        if not self.known:
            share = LOOKED_AT // max(len(self.files), 1)
            self._stamps = {file: self._stamp(file) for file in self.files}
            self.known = [self._mark(file, share) for file in self.files]
            noted = {"choices": self.choices, "images": self.known}
            write_bytes(self.note, json.dumps(noted, indent=2).encode(), error=RunError)

    def check(self) -> None:
        """Refuse to go on with other images; before the run has begun, any will do."""
        for file, known in zip(self.files, self.known, strict=False):
            stamp = self._stamp(file)
            if stamp == self._stamps.get(file):
                continue
            if self._mark(file, int(known.split()[1])) != known:
                raise RunError(
                    f"{file.name} is not the image any more that this run began with; what was saved is kept. Put the "
                    f"old one back at {file} and resume, or start a new run."
                )
            self._stamps[file] = stamp

    def _stamp(self, file: Path) -> str:
        """Changes when somebody has written one of its files."""
        found = hashlib.sha256()
        try:
            for name, path in self._parts(file):
                about = path.stat()
                found.update(f"{name} {about.st_size} {about.st_mtime_ns}\n".encode())
        except OSError as error:
            raise self._gone(file, error) from None
        return found.hexdigest()

    def _mark(self, file: Path, share: int) -> str:
        found, total = hashlib.sha256(), 0
        try:
            parts = self._parts(file)
            own = max(share // len(parts), 2 * BLOCK)
            for name, path in parts:
                size = path.stat().st_size
                found.update(f"{name} {size}\n".encode())
                _take(path, size, own, found)
                total += size
        except OSError as error:
            raise self._gone(file, error) from None
        return f"{total} {share} {found.hexdigest()[:32]}"

    def _parts(self, file: Path) -> list[tuple[str, Path]]:
        """The file itself, or all files of a folder or of a pattern such as `cells_*.tif`, each with a name."""
        if file.is_dir():
            inside = sorted(path for path in file.rglob("*") if path.is_file())
            found = [(path.relative_to(file).as_posix(), path) for path in inside]
        elif not file.exists() and set(str(file)) & set("*?[]"):
            names = sorted(glob.glob(str(file), recursive=True))  # noqa: PTH207 - may be absolute
            found = [(Path(name).name, Path(name)) for name in names]
        else:
            found = [("", file)]
        if not found:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(file))
        return found[:MOST_ENTRIES]

    def _gone(self, file: Path, error: OSError) -> InputsGoneError:
        return InputsGoneError(
            f"{file.name} cannot be read any more ({error.strerror}); what was saved is kept. Put it back at {file} "
            "and resume, or start a new run."
        )


def _take(path: Path, size: int, share: int, found: Any) -> None:
    """All of a file, or blocks that lie evenly in it, the first and the last among them."""
    with path.open("rb") as opened:
        if size <= share:
            while block := opened.read(1 << 20):
                found.update(block)
            return
        count = share // BLOCK
        for number in range(count):
            opened.seek((size - BLOCK) * number // (count - 1))
            found.update(opened.read(BLOCK))
