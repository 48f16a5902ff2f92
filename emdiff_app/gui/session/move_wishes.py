"""The wish to go on learning in another folder, where the disk has room."""

import contextlib
import time
from pathlib import Path

from emdiff_app.errors import EMDiffError
from emdiff_app.gui.jobs import JobState, LearningStatus
from emdiff_app.gui.moving import move_run, new_place
from emdiff_app.gui.offers import ELSEWHERE
from emdiff_app.gui.unfinished import mark_later, unmark
from emdiff_app.gui.words import ago
from emdiff_app.learning import RunFolder

from .state import State

__all__ = ["MoveWishes"]


class MoveWishes(State):
    def __post_init__(self) -> None:
        super().__post_init__()
        self._moving: Path | None = None  # from where
        self.events.learning.connect(self._look_whether_moved)

    def move_run(self) -> None:
        """Ask for a folder; if it will do, end the worker, move the run there, and go on."""
        run = self.learning.run
        if run is None or self._moving == run:
            return
        title = f"Choose a folder on a disk with room for {run.name} ({ago(self.learning.saved_at)})"
        folder = self.host.ask_folder(title)
        if folder is None:
            return
        self.working = f"Looking at {folder.name}..."
        self.tasks.run(
            lambda: new_place(RunFolder.open(run), folder),
            lambda target: self._end_and_move(run, target),
            lambda why: self.tell(why, "warning", offers=(ELSEWHERE,)),
        )

    def _end_and_move(self, old: Path, target: Path) -> None:
        if self.learning.run != old:
            return  # another run has been started or opened meanwhile
        if self.learning.state is JobState.DONE:
            self._tell_done(old)
            return
        try:
            run = RunFolder.open(old)
        except EMDiffError as error:
            self.tell(str(error), "error")
            return
        self._moving = old
        with contextlib.suppress(OSError):
            mark_later(old)  # should the window go meanwhile, the next one offers the run
        stops = "learning stops, " if self.learning.state.busy else ""
        self.tell(
            f"Moving the run: {stops}{old.name} is copied to {target.parent}, and learning goes on there; "
            f"{_since(self.learning)} To leave it where it is, press Stop."
        )
        self.learning_job.move(run, lambda run, carry_on: move_run(run, target.parent, carry_on))

    def _look_whether_moved(self, status: LearningStatus) -> None:
        old, new = self._moving, status.run
        if old is None or new is None:
            return
        if new == old:
            if status.state.ended:
                self._moving = None
            if status.state is JobState.STOPPED:  # and it was not to be moved after all
                with contextlib.suppress(OSError):
                    unmark(old)
            if status.state is JobState.DONE:
                self._tell_done(old)
            return
        self._moving = None
        if self.prior and self.prior.is_relative_to(old):
            moved = new / self.prior.relative_to(old)
            self.learned = moved if self.learned == self.prior else self.learned
            self.prior = moved
        left = f" What is left in {old} could not be removed; you may delete it." if old.exists() else ""
        self.tell(f"The run was moved to {new} and goes on there; nothing that was saved is lost.{left}")

    def _tell_done(self, run: Path) -> None:
        self.tell(f"Learning has come to its end, so {run.name} stays where it is; nothing is lost.")


def _since(status: LearningStatus) -> str:
    """What ending the worker may cost."""
    if status.saved_at is None:
        return "nothing was saved yet, so learning may have to begin again."
    when = time.strftime("%H:%M", time.localtime(status.saved_at))
    return f"what was learned since the last save, at {when}, may have to be learned again."
