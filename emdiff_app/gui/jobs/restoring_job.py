"""Restoring: a thread that runs `restoring.restore` and can be cancelled at every step."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from emdiff_app.restoring import Cancelled, RestoreProgress

from .mailbox import Mailbox
from .states import NEXT, JobState
from .task import sentence_of

__all__ = ["Restore", "RestoringJob", "RestoringStatus"]

Restore = Callable[[Callable[[RestoreProgress], None], Callable[[], bool]], Any]
"""Restores one stack, given what to call with progress and what to ask whether to stop."""


@dataclass(frozen=True, eq=False)
class RestoringStatus:
    state: JobState = JobState.IDLE
    progress: RestoreProgress | None = None
    failure: str = ""
    result: Any = None

    def moved(self, state: JobState, **changes: Any) -> "RestoringStatus":
        return replace(self, state=state, **changes) if state in NEXT[self.state] else self


class RestoringJob:
    """One restoration at a time; what happens is posted as `restoring`."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._status = RestoringStatus()
        self._lock = threading.Lock()  # `stop` comes from the window, progress from the thread

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self, restore: Restore) -> None:
        if self.alive:
            return
        self._stop.clear()
        with self._lock:
            self._status = RestoringStatus(JobState.PREPARING)
            self._mailbox.post("restoring", self._status)
        self._thread = threading.Thread(
            target=self._work, args=(restore,), name="emdiff restoring", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._move(JobState.STOPPING)

    def join(self, timeout: float | None = 5.0) -> None:
        if self._thread is not None:
            self._thread.join(timeout)

    def _work(self, restore: Restore) -> None:
        try:
            result = restore(self._progress, self._stop.is_set)
            self._move(JobState.DONE, result=result)
        except Cancelled as end:
            self._move(JobState.STOPPED, failure=str(end))
        except Exception as error:  # RuntimeError too: running out of GPU memory is one
            self._move(JobState.FAILED, failure=sentence_of(error))

    def _progress(self, progress: RestoreProgress) -> None:
        with self._lock:
            self._status = replace(self._status.moved(JobState.RUNNING), progress=progress)
            self._mailbox.post("restoring", self._status)

    def _move(self, state: JobState, **changes: Any) -> None:
        with self._lock:
            self._status = self._status.moved(state, **changes)
            self._mailbox.post("restoring", self._status)
