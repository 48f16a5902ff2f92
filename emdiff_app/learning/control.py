"""How a run is told to pause or stop: it asks at every step."""

import time
from collections.abc import Callable
from typing import Protocol

from .run_folder import RunFolder

__all__ = ["Control", "FolderControl", "NoControl", "StopRequested"]


class StopRequested(Exception):  # noqa: N818 - it is a wish, not an error
    """Raised out of the deepest loop when the user wants to stop."""


class Control(Protocol):
    def check(self) -> None:
        """Return to go on, wait while paused, raise `StopRequested` to stop."""


class NoControl:
    """Nobody asks for anything."""

    def check(self) -> None:
        return None


class FolderControl:
    """Requests left as files in the run folder, and a time limit."""

    def __init__(
        self,
        run: RunFolder,
        *,
        time_limit_s: float | None = None,
        on_pause: Callable[[bool], None] = lambda paused: None,
        poll_s: float = 0.2,
    ) -> None:
        self.run, self.poll_s, self.on_pause = run, poll_s, on_pause
        self.ends = None if time_limit_s is None else time.monotonic() + time_limit_s

    def check(self) -> None:
        if self.run.asked("stop") or (self.ends is not None and time.monotonic() > self.ends):
            raise StopRequested
        if not self.run.asked("pause"):
            return
        began = time.monotonic()
        self.on_pause(True)
        while self.run.asked("pause"):
            if self.run.asked("stop"):
                raise StopRequested
            time.sleep(self.poll_s)
        if self.ends is not None:
            self.ends += time.monotonic() - began  # waiting is not learning
        self.on_pause(False)
