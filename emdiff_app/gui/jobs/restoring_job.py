"""Restoring: a thread that restores one image or many and can be cancelled at every step."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from emdiff_app.restoring import Cancelled, RestoreProgress

from .mailbox import Mailbox
from .states import NEXT, JobState
from .task import sentence_of

__all__ = ["CHECKING", "LEARNING", "Restore", "RestoringJob", "RestoringStatus", "Talk"]


CHECKING = "check"
"""What is counted when all planes are there and it is found out whether to believe them."""
LEARNING = "learn"
"""And when a method learns from the image before the first plane."""


@dataclass(frozen=True, eq=False)
class RestoringStatus:
    """One moment of a restoration; `parts` are results that fill up while it works."""

    state: JobState = JobState.IDLE
    progress: RestoreProgress | None = None
    counted: str = "plane"  # what the progress counts
    failure: str = ""
    parts: tuple[Any, ...] = ()
    result: Any = None

    def moved(self, state: JobState, **changes: Any) -> "RestoringStatus":
        return replace(self, state=state, **changes) if state in NEXT[self.state] else self


class Talk:
    """How the work speaks with the window: how far it is, what there is to see, whether to stop."""

    def __init__(self, job: "RestoringJob") -> None:
        self._job = job

    def progress(self, progress: RestoreProgress, counted: str = "plane") -> None:
        self._job.note(progress=progress, counted=counted)

    def parts(self, parts: tuple[Any, ...]) -> None:
        self._job.note(parts=parts)

    def should_stop(self) -> bool:
        return self._job.stopping


Restore = Callable[[Talk], Any]
"""Does all the work in the thread and returns what came of it."""


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

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def start(self, restore: Restore) -> None:
        if self._status.state.ended:
            self.join(1.0)  # its last news is out, so it is about to leave
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

    def note(self, **changes: Any) -> None:
        """Something new from the thread while it works."""
        with self._lock:
            self._status = replace(self._status.moved(JobState.RUNNING), **changes)
            self._mailbox.post("restoring", self._status)

    def _work(self, restore: Restore) -> None:
        try:
            self._move(JobState.DONE, result=restore(Talk(self)))
        except Cancelled as end:
            self._move(JobState.STOPPED, failure=str(end))
        except Exception as error:  # RuntimeError too: running out of GPU memory is one
            self._move(JobState.FAILED, failure=sentence_of(error))

    def _move(self, state: JobState, **changes: Any) -> None:
        with self._lock:
            self._status = self._status.moved(state, **changes)
            self._mailbox.post("restoring", self._status)
