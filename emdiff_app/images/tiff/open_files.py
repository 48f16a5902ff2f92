"""Files that are opened when a pixel is asked for, shared between threads, and never leaked."""

import os
import threading
import weakref
from collections import OrderedDict
from io import FileIO
from pathlib import Path

from emdiff_app.errors import StackError

__all__ = ["OpenFiles"]

_MOST = 16


class OpenFiles:
    """At most sixteen files open at once; closing is for ever cheap, since the next read opens again."""

    def __init__(self) -> None:
        self._open: OrderedDict[Path, FileIO] = OrderedDict()
        self._lock = threading.Lock()
        # Runs when the last stack that reads from these files is gone, so that nobody has to remember.
        weakref.finalize(self, _close_all, self._open)

    def read(self, path: Path, offset: int, size: int) -> bytes:
        """Exactly `size` bytes; fewer is an error, since what is missing must not become zero."""
        with self._lock:
            file = self._at(path, offset, size)
            data = file.read(size)
        if len(data) != size:
            raise _short(path, offset + size)
        return data

    def read_into(self, path: Path, offset: int, buffer: memoryview) -> None:
        """Fill `buffer` from the file without a copy between."""
        with self._lock:
            file = self._at(path, offset, len(buffer))
            done = 0
            while done < len(buffer):
                got = file.readinto(buffer[done:])
                if not got:
                    raise _short(path, offset + len(buffer))
                done += got

    def close(self) -> None:
        with self._lock:
            _close_all(self._open)

    def _at(self, path: Path, offset: int, size: int) -> FileIO:
        """The file, placed at `offset`; a place beyond its end is refused before room is made for it."""
        file = self._handle(path)
        if offset < 0 or size < 0 or offset + size > os.fstat(file.fileno()).st_size:
            raise _short(path, offset + size)
        file.seek(offset)
        return file

    def _handle(self, path: Path) -> FileIO:
        file = self._open.get(path)
        if file is None:
            try:
                # Unbuffered: planes are large, and a buffer would only copy them once more.
                file = path.open("rb", buffering=0)
            except OSError as error:
                raise StackError(
                    f"{path.name}: it can no longer be read ({error.strerror or error}); put it back and try again."
                ) from error
            assert file is not None
            self._open[path] = file
            if len(self._open) > _MOST:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(path)
        return file


def _close_all(files: OrderedDict[Path, FileIO]) -> None:
    while files:
        files.popitem()[1].close()


def _short(path: Path, end: int) -> StackError:
    size = path.stat().st_size if path.exists() else 0
    return StackError(
        f"{path.name}: the file is cut short ({size} bytes, pixels are expected up to byte {end}); "
        "nothing was changed. Copy it again from where it was recorded."
    )
