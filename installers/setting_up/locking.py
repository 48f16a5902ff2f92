"""One process at a time, by a lock that the system drops when its process ends, however it ends."""

import sys
import time
from typing import BinaryIO

__all__ = ["try_lock", "wait_for_lock"]

FAR_AWAY = 1 << 30  # Windows locks bytes against reading too: lock one that is behind the end


def try_lock(file: BinaryIO) -> bool:
    """Lock an open file until it is closed; False if another process has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(FAR_AWAY)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def wait_for_lock(file: BinaryIO, pause: float = 0.2) -> None:
    """Lock an open file, however long another process keeps it."""
    while not try_lock(file):
        time.sleep(pause)
