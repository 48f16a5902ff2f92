"""One process at a time works on a run: a lock in its folder that a crash of its holder sets free.

The system's own lock on the file decides where the folder is on a disk of this computer. Folders shared between
computers may not pass such locks on, so the holder also shows a heartbeat: the time of the file, compared by the
folder's own clock.
"""

import contextlib
import errno
import json
import math
import os
import platform
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from emdiff_app.errors import RunError

__all__ = ["Heartbeat", "Lock"]

BEAT_S = 10.0
LISTEN_S = 0.5
STALE_S = 60.0
UNNAMED = "none"
"""What `torchrun` calls every job that was given no name: two of them have nothing in common."""
UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}


class Heartbeat:
    """Whether somebody seems to be at work, for one who only looks.

    A process of this computer is there or not. One elsewhere is believed as long as its heart beats between two looks,
    whatever its clock says; the first look can only compare the clocks.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._beat: int | None = None
        self._heard = 0.0
        self._moved = False

    def look(self) -> bool:
        """Whether somebody is at work, as far as it can be told at once."""
        found = self._found()
        if found is None:
            return False
        holder, beat = found
        if _is_here(holder):
            return _runs(holder["pid"], beat / 1e9)
        if beat != self._beat:
            self._moved = self._beat is not None
            self._beat, self._heard = beat, time.monotonic()
        likely = self._moved or abs(time.time() - beat / 1e9) < 2 * STALE_S
        return likely and time.monotonic() - self._heard < STALE_S

    def listen(self) -> bool:
        """The same; where a worker elsewhere seems to be gone, after the time that its next beat takes."""
        ends = time.monotonic() + 1.2 * BEAT_S
        while not (held := self.look()) and time.monotonic() < ends:
            found = self._found()
            if found is None or _is_here(found[0]):
                return False
            time.sleep(LISTEN_S)
        return held

    def _found(self) -> tuple[dict[str, Any], int] | None:
        """Who holds the lock, and when its heart beat last; None if nobody does."""
        try:
            said = self.path.read_bytes()  # first: a network disk then looks at the time of the file, too
            beat = self.path.stat().st_mtime_ns
        except OSError:
            return None
        return (_parsed(said), beat) if said else None


class Lock:
    """Held from `with` to its end. Processes of one `job` may take it over from each other."""

    def __init__(self, path: Path, job: str = "") -> None:
        self.path = path
        if job == UNNAMED:
            job = ""
        self.me = {"host": platform.node(), "pid": os.getpid(), "job": job}
        self._file: int | None = None
        self._done = threading.Event()

    def __enter__(self) -> "Lock":
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise RunError(
                f"{self.path.parent} cannot be written ({error.strerror}), so nothing was started; what it holds is "
                "as it was. Check its permissions, or copy the run to another folder."
            ) from None
        try:
            self._take(self._file)
        except BaseException:
            os.close(self._file)
            raise
        threading.Thread(target=self._beat, name="emdiff heartbeat", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, 0)
            os.close(self._file)  # which lets go of the lock

    def _take(self, file: int) -> None:
        alone = _locked(file)
        other = self._holder(file)
        if alone is False or (other and self._lives(other, sure=alone is True)):
            raise self._refusal(other)
        with contextlib.suppress(OSError):  # a full disk: the system's lock holds all the same
            os.ftruncate(file, 0)
            os.lseek(file, 0, os.SEEK_SET)
            os.write(file, json.dumps(self.me).encode())

    def _holder(self, file: int) -> dict[str, Any]:
        try:
            os.lseek(file, 0, os.SEEK_SET)
            return _parsed(os.read(file, 4096))
        except OSError:
            return {}

    def _lives(self, other: dict[str, Any], *, sure: bool) -> bool:
        """Whether the holder that the file names is at work; `sure` if the system's lock says that none here is."""
        if self.me["job"] and other.get("job") == self.me["job"]:
            return False
        if _is_here(other):
            return not sure and other["pid"] != os.getpid() and _runs(other["pid"])
        return self._age() < STALE_S

    def _age(self) -> float:
        """How long ago the holder's heart beat, by the clock of the disk."""
        beat = self.path.stat().st_mtime
        now = self.path.with_name(f".{self.path.name}-{os.getpid()}")
        try:
            now.touch()
            return now.stat().st_mtime - beat
        finally:
            now.unlink(missing_ok=True)

    def _refusal(self, other: dict[str, Any]) -> RunError:
        who = f"process {other['pid']} on {other['host']}" if {"pid", "host"} <= other.keys() else "a process"
        return RunError(
            f"Another worker ({who}) is at work on {self.path.parent}, so this one did nothing. Follow it with "
            "`emdiff watch`, or stop it first; if its computer has crashed, try again in a minute."
        )

    def _beat(self) -> None:
        while not self._done.wait(BEAT_S):
            with contextlib.suppress(OSError):
                os.utime(self.path)


def _parsed(said: bytes) -> dict[str, Any]:
    try:
        holder = json.loads(said or b"{}")
    except ValueError:
        return {}
    return holder if isinstance(holder, dict) else {}


def _is_here(holder: dict[str, Any]) -> bool:
    """Whether the holder is a process of this computer."""
    pid = holder.get("pid")
    return holder.get("host") == platform.node() and isinstance(pid, int) and pid > 0


def _runs(pid: int, beat: float = math.inf) -> bool:
    """Whether the process is there; one that began after its last `beat` is another one that was given its number."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() < beat + STALE_S
    except psutil.AccessDenied:
        return True
    except psutil.Error:
        return False


def _locked(file: int) -> bool | None:
    """Whether the system gave us the lock; None where it has none to give."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(file, 1 << 20, os.SEEK_SET)  # beyond what is written: others may read that
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return None if error.errno in UNSUPPORTED else False
    return True
