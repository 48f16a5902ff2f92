"""What a run leaves behind, and patience with a disk that is full or away: learning goes on, and it is tried again."""

import time
from collections.abc import Callable
from typing import Any

from emdiff_app.errors import EMDiffError

from . import events
from .checkpoint import keep_as_best, oldest_round, save_checkpoint
from .run_folder import RunFolder
from .samples import Samples

__all__ = ["Keeper"]

AGAIN_S = 20.0
"""After a failure it is tried again so much later."""


class Keeper:
    """Saves when it is time to, and says so; what could not be written is owed until it is."""

    def __init__(self, run: RunFolder, every_s: float, tell: Callable[[Any], None]) -> None:
        self.run, self.every_s, self.tell = run, every_s, tell
        self.samples = Samples(run.samples, self.complain)
        self.trouble = False
        self.unsaved = False
        """Whether the last checkpoint was refused; the next one to be written is a newer one."""
        self.saved_at: float | None = None
        self._owed: dict[str, Callable[[], None]] = {}
        self._due = time.monotonic() + every_s

    @property
    def due(self) -> bool:
        """Whether it is time to save, or to try again."""
        return time.monotonic() > self._due

    def save(self, snapshot: dict[str, Any], *, best: bool = False) -> bool:
        """Write a checkpoint, and what else is owed; False if the disk refuses it: then a later one takes its place."""
        self._due = time.monotonic() + self.every_s
        state = snapshot["state"]
        between = state["stage"] == "e-step" and state["round"] > 0  # nothing of this round is done
        number, step = (state["round"] - 1, None) if between else (state["round"], state["step"])
        if step is not None and number == 0:
            step += int(state["notes"].get("denoised", 0))  # checkpoints are in the order of their names
        try:
            path = save_checkpoint(self.run.checkpoints, number, step, snapshot)
            if best:
                keep_as_best(path)
        except EMDiffError as error:
            self.unsaved = True
            self.complain(error)
            return False
        self.unsaved = False
        self.saved_at = time.monotonic()
        done = int(state["notes"].get("judged", number)) if between else number
        self.tell(events.Saved(round=done, file=f"checkpoints/{path.name}"))
        self.samples.forget(oldest_round(self.run.checkpoints) - 1)
        self.pay()
        return True

    def write(self, name: str, action: Callable[[], None]) -> bool:
        """Do `action` now, or when the disk allows; it replaces what is owed under the same name."""
        self._owed[name] = action
        return self.pay()

    def pay(self) -> bool:
        """Try to write what is owed besides a checkpoint; True if nothing is, and no checkpoint either."""
        for name, action in list(self._owed.items()):
            try:
                action()
            except EMDiffError as error:
                self.complain(error)
                return False
            del self._owed[name]
        if not self.samples.offer():
            return False
        if self.unsaved:
            return False
        if self.trouble:
            self.trouble = False
            self.tell(events.Notice(text="The run folder can be written again, and everything is saved."))
        return True

    def complain(self, error: EMDiffError) -> None:
        """Say once what the matter is, and be due again soon; what is no fault of the disk is raised."""
        if not isinstance(error.__cause__, OSError):
            raise error
        self._due = time.monotonic() + AGAIN_S
        if not self.trouble:
            self.trouble = True
            what = str(error).split("; ")[0].rstrip(".")
            self.tell(events.Notice(text=f"{what}; {self.since()} Learning goes on and tries again."))

    def since(self) -> str:
        """How old the last save is."""
        if self.saved_at is None:
            return "nothing has been saved by this process yet."
        minutes = int((time.monotonic() - self.saved_at) / 60)
        return f"the last save, {minutes or 'less than a'} min ago, is safe."
