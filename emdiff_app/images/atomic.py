"""Files appear whole or not at all: written under a temporary name beside the target, then moved."""

import contextlib
import errno
import glob
import os
import platform
import re
import shutil
import time
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path

from emdiff_app.errors import EMDiffError, StackError

__all__ = ["ensure_free", "replacing", "write_bytes"]

_COMPUTER = f"{zlib.crc32(platform.node().encode()):08x}"
_UNFINISHED = "unfinished"


def ensure_free(path: Path, *, overwrite: bool = False, error: type[EMDiffError] = StackError) -> None:
    """Refuse a target that exists (unless `overwrite`) or whose folder does not."""
    if not path.parent.is_dir():
        missing = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))
        raise error(
            f"{path}: the folder {path.parent} does not exist; nothing was written. Make it first."
        ) from missing
    if path.exists() and not overwrite:
        raise error(
            f"{path} already exists and was left as it is; choose another name or ask to overwrite it "
            "(--overwrite)."
        )


@contextlib.contextmanager
def replacing(
    path: Path, *, overwrite: bool = False, error: type[EMDiffError] = StackError
) -> Iterator[Path]:
    """Give a temporary path in the same folder; move it to `path` when the block ends well.

    What is written there may be a file or a folder. It reaches the disk (fsync) before it takes the
    name, so that a crash leaves the old content or the new one. When the block fails, it is removed
    and the old content stays. The temporary name keeps the endings of the real one, since writers
    choose the format by them. What a process that was killed left behind under such a name for the
    same target is removed first.
    """
    path = Path(path)
    ensure_free(path, overwrite=overwrite, error=error)
    _remove_abandoned(path)
    owner = f"{_COMPUTER}-{os.getpid()}"
    temporary = path.with_name(f".{owner}-{uuid.uuid4().hex[:8]}-{_UNFINISHED}-{path.name}")
    try:
        yield temporary
        _flush(temporary)
        ensure_free(path, overwrite=overwrite, error=error)
        _move(temporary, path)
        _flush_name(path)
    except OSError as reason:
        raise error(_sentence(path, reason)) from reason
    finally:
        _remove(temporary)


def write_bytes(
    path: Path, content: bytes, *, overwrite: bool = True, error: type[EMDiffError] = StackError
) -> None:
    """Write a small file in one piece."""
    with replacing(path, overwrite=overwrite, error=error) as temporary:
        temporary.write_bytes(content)


def _sentence(path: Path, reason: OSError) -> str:
    if reason.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"{path} could not be written because the disk is full; the unfinished file was removed and "
            "nothing else was changed. Free some space or choose another folder."
        )
    return (
        f"{path} could not be written ({reason.strerror or reason}); the unfinished file was removed and "
        "nothing else was changed. Check the folder and its permissions."
    )


def _flush(path: Path) -> None:
    """Wait until everything under `path` is on the disk."""
    for file in [path] if path.is_file() else (p for p in path.rglob("*") if p.is_file()):
        with file.open("rb+") as handle:
            os.fsync(handle.fileno())


def _flush_name(path: Path) -> None:
    """Wait until the new name is on the disk too, where the system lets a folder be flushed."""
    if os.name != "posix":
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network disks refuse; the content is safe already
            os.fsync(folder)
    finally:
        os.close(folder)


def _move(temporary: Path, path: Path) -> None:
    """Give `temporary` its name; a folder cannot replace another one, so the old one steps aside."""
    if not path.is_dir():
        temporary.replace(path)
        return
    old = path.with_name(f".{uuid.uuid4().hex[:8]}-replaced-{path.name}")
    path.replace(old)
    try:
        temporary.replace(path)
    except OSError:
        old.replace(path)
        raise
    _remove(old)


def _remove_abandoned(path: Path) -> None:
    """Remove unfinished files for `path` whose process, of this computer, is no more."""
    for found in path.parent.glob(f".{_COMPUTER}-*-{_UNFINISHED}-{glob.escape(path.name)}"):
        owner = re.match(r"\.[0-9a-f]{8}-([0-9]+)-[0-9a-f]{8}-", found.name)
        if owner and not _is_running(int(owner[1])):
            _remove(found)


def _is_running(process: int) -> bool:
    import psutil  # only here: rarely needed

    return bool(psutil.pid_exists(process))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        # After Ctrl-C, threads of the writer may still finish a chunk in it.
        for pause in (0.0, 0.05, 0.2, 0.5):
            time.sleep(pause)
            shutil.rmtree(path, ignore_errors=True)
            if not path.exists():
                break
    else:
        with contextlib.suppress(OSError):
            path.unlink()
