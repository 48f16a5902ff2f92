"""How a run is told to pause or stop: it asks at every step."""

import time
from collections.abc import Callable
from typing import Protocol

from .run_folder import RunFolder

__all__ = ["Control", "FolderControl", "NoControl", "StopRequested", "TimeIsUp"]

LONGEST_STEP_S = 300.0
"""A longer time between two steps was not work: the computer slept, or its clock was set."""


class StopRequested(Exception):  # noqa: N818 - it is a wish, not an error
    """Raised out of the deepest loop when the user wants to stop."""


class TimeIsUp(StopRequested):
    """Raised in the same way when the time that the user gave is over."""


class Control(Protocol):
    @property
    def left_s(self) -> float | None:
        """The seconds of work that are left; None where there is no limit."""
        ...

    def worked(self) -> float:
        """The seconds of work so far, pauses left out."""
        ...

    def check(self, *, to_the_end: bool = False) -> None:
        """Return to go on, wait while paused, raise `StopRequested` to stop.

        What will soon be done, and would be lost otherwise, is brought `to_the_end` though the time is up.
        """


class NoControl:
    """Nobody asks for anything."""

    left_s: float | None = None

    def worked(self) -> float:
        return time.monotonic()

    def check(self, *, to_the_end: bool = False) -> None:
        return None


class FolderControl:
    """Requests left as files in the run folder, and a limit to the time of work: neither pauses nor sleep count."""

    def __init__(
        self,
        run: RunFolder,
        *,
        time_limit_s: float | None = None,
        on_pause: Callable[[bool], None] = lambda paused: None,
        poll_s: float = 0.2,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.run, self.poll_s, self.on_pause, self.clock = run, poll_s, on_pause, clock
        self.time_limit_s = time_limit_s
        self.worked_s = 0.0
        self._last = clock()

    @property
    def left_s(self) -> float | None:
        return None if self.time_limit_s is None else max(self.time_limit_s - self.worked_s, 0.0)

    def worked(self) -> float:
        now = self.clock()
        self.worked_s += min(max(now - self._last, 0.0), LONGEST_STEP_S)
        self._last = now
        return self.worked_s

    def check(self, *, to_the_end: bool = False) -> None:
        self.worked()
        if self.run.asked("stop"):
            raise StopRequested
        if self.left_s == 0 and not to_the_end:
            raise TimeIsUp
        if not self.run.asked("pause"):
            return
        self.on_pause(True)
        while self.run.asked("pause"):
            if self.run.asked("stop"):
                raise StopRequested
            time.sleep(self.poll_s)
        self._last = self.clock()
        self.on_pause(False)
