"""The images of a run are the same from its beginning to its end, whoever tidies up meanwhile.

When it begins, the run notes the size of each file and a checksum of its first and last bytes; while it learns, and
when it goes on, they are compared.
"""

import glob
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from emdiff_app.errors import RunError
from emdiff_app.images.atomic import write_bytes

__all__ = ["Inputs"]

ENDS = 1 << 16
MOST_ENTRIES = 20_000


class Inputs:
    """What the files were when the run began; `check` is cheap unless one has been touched."""

    def __init__(self, note: Path, files: Iterable[Path]) -> None:
        self.note = note
        self.files = list(files)
        self.known: dict[str, str] = {}
        self._stamps: dict[Path, tuple[int, int]] = {}

    def recall(self) -> None:
        """Compare with what was noted when the run began, if it has begun."""
        try:
            known = json.loads(self.note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        self.known = known if isinstance(known, dict) else {}
        self.check()

    def begin(self) -> None:
        """Note what the images are, unless that is known."""
        if not self.known:
            self.known = {str(file): self._mark(file) for file in self.files}
            write_bytes(self.note, json.dumps(self.known, indent=2).encode(), error=RunError)

    def check(self) -> None:
        """Refuse to go on with other images; before the run has begun, any will do."""
        for file in self.files if self.known else ():
            stamp = self._stamp(file)
            if stamp == self._stamps.get(file):
                continue
            if self.known.setdefault(str(file), self._mark(file)) != self._mark(file):
                raise RunError(
                    f"{file.name} is not the image any more that this run began with; what was saved is kept. Put the "
                    f"old one back at {file} and resume, or start a new run."
                )
            self._stamps[file] = stamp

    def _stamp(self, file: Path) -> tuple[int, int]:
        try:
            found = [each.stat() for each in _matched(file) or [file]]
        except OSError as error:
            raise self._gone(file, error) from None
        return max(each.st_mtime_ns for each in found), sum(each.st_size for each in found)

    def _mark(self, file: Path) -> str:
        """Of a file, its size and ends; of a folder or a pattern, the names and sizes of what is in it."""
        found = hashlib.sha256()
        try:
            if matched := _matched(file):
                size = 0
                for each in matched[:MOST_ENTRIES]:
                    own = each.stat().st_size
                    found.update(f"{each} {own}\n".encode())
                    size += own
            elif file.is_dir():
                size = 0
                for entry in sorted(os.scandir(file), key=lambda e: e.name)[:MOST_ENTRIES]:
                    own = entry.stat().st_size if entry.is_file() else 0
                    found.update(f"{entry.name} {own}\n".encode())
                    size += own
            else:
                size = file.stat().st_size
                with file.open("rb") as opened:
                    found.update(opened.read(ENDS))
                    opened.seek(max(0, size - ENDS))
                    found.update(opened.read(ENDS))
        except OSError as error:
            raise self._gone(file, error) from None
        return f"{size} {found.hexdigest()[:32]}"

    def _gone(self, file: Path, error: OSError) -> RunError:
        return RunError(
            f"{file.name} cannot be read any more ({error.strerror}); what was saved is kept. Put it back at {file} "
            "and resume, or start a new run."
        )


def _matched(file: Path) -> list[Path]:
    """The files of a pattern such as `cells_*.tif`, which one stack may be opened from; none where it is a name."""
    if file.exists() or not set(str(file)) & set("*?[]"):
        return []
    return sorted(Path(name) for name in glob.glob(str(file), recursive=True))  # noqa: PTH207 - may be absolute
