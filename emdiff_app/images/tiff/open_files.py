"""Files that are opened when a pixel is asked for, shared between threads, and never leaked."""

import os
import threading
import weakref
from collections import OrderedDict
from io import FileIO
from pathlib import Path

from emdiff_app.errors import StackError

__all__ = ["OpenFiles"]

_MOST = 64
"""Of all stacks together: some systems allow a program 256, and a run may hold thousands of stacks."""


class _Own:
    """The open files of one stack, and who may touch them."""

    def __init__(self) -> None:
        self.files: dict[Path, FileIO] = {}
        self.lock = threading.Lock()

    def close(self, path: Path) -> None:
        with _recently:
            _recent.pop((id(self), path), None)
            file = self.files.pop(path, None)
        if file is not None:
            file.close()

    def close_all(self) -> None:
        for path in list(self.files):
            self.close(path)


_recent: OrderedDict[tuple[int, Path], _Own] = OrderedDict()
"""Every open file with whose it is, the one that was read last at the end."""
# Entered again where a stack is found to be gone, and its files are closed, while one is looked for to be closed.
_recently = threading.RLock()


class OpenFiles:
    """The files of one stack. At most 64 are open at once, of all stacks: the next read opens again what was closed."""

    def __init__(self) -> None:
        self._own = _Own()
        self._lock = self._own.lock
        # Runs when the last stack that reads from these files is gone, so that nobody has to remember.
        weakref.finalize(self, self._own.close_all)

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
            self._own.close_all()

    def _at(self, path: Path, offset: int, size: int) -> FileIO:
        """The file, placed at `offset`; a place beyond its end is refused before room is made for it."""
        file = self._handle(path)
        if offset < 0 or size < 0 or offset + size > os.fstat(file.fileno()).st_size:
            raise _short(path, offset + size)
        file.seek(offset)
        return file

    def _handle(self, path: Path) -> FileIO:
        file = self._own.files.get(path)
        if file is None:
            try:
                # Unbuffered: planes are large, and a buffer would only copy them once more.
                file = path.open("rb", buffering=0)
            except OSError as error:
                raise StackError(
                    f"{path.name}: it can no longer be read ({error.strerror or error}); put it back and try again."
                ) from error
            assert file is not None
            self._own.files[path] = file
        key = (id(self._own), path)
        with _recently:
            _recent[key] = self._own
            _recent.move_to_end(key)
            if len(_recent) > _MOST:
                _close_oldest(self._own)
        return file


def _close_oldest(reading: _Own) -> None:
    """Close the file that has rested longest, but none that is being read from: of other stacks, only those at rest."""
    for key in list(_recent)[:-1]:
        own = _recent.get(key)
        if own is reading:
            own.close(key[1])
            return
        if own is not None and own.lock.acquire(blocking=False):
            try:
                own.close(key[1])
            finally:
                own.lock.release()
            return


def _short(path: Path, end: int) -> StackError:
    size = path.stat().st_size if path.exists() else 0
    return StackError(
        f"{path.name}: the file is cut short ({size} bytes, pixels are expected up to byte {end}); "
        "nothing was changed. Copy it again from where it was recorded."
    )
