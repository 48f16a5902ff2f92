"""Wishes about learning: start, pause, resume, stop, look at a run."""

from collections.abc import Callable
from pathlib import Path

from emdiff_app.errors import EMDiffError
from emdiff_app.gui import runs
from emdiff_app.gui.jobs import JobState
from emdiff_app.learning import RunFolder

from .model_wishes import ModelWishes, measured

__all__ = ["LearnWishes"]


class LearnWishes(ModelWishes):
    def learn(self) -> None:
        images = self.learn_from
        try:
            form = self.form_now()
            form.imaging_model()  # a field that is empty is better said now
        except EMDiffError as error:
            self.tell(str(error), "warning")
            return
        choices = (self.preset, self.device, self.changes)
        folder = runs.new_folder(self.runs_folder, images)

        def prepare() -> RunFolder:
            if not images:
                return runs.make_run(folder, [], form.imaging_model(), *choices)
            known = form if form.noise else form.with_noise(measured(images[0]).model)
            return runs.make_run(folder, images, known.imaging_model(), *choices)

        self.message = None
        self.learning_job.start(prepare, folder)

    def pause(self) -> None:
        """Pause, or go on; the same button does both."""
        match self.learning.state:
            case JobState.RUNNING:
                self.learning_job.pause()
            case JobState.PAUSED:
                self.learning_job.unpause()
            case _:
                self.resume()

    def resume(self) -> None:
        """A new worker goes on with the run from its last save."""
        self.message = None
        if self.learning.run:
            self._with_run(self.learning.run, self.learning_job.resume)

    def stop_learning(self) -> None:
        self.learning_job.stop()

    def open_run(self, path: Path) -> None:
        """Show a run that was made elsewhere."""
        if self.learning.state.busy:
            self.tell("Learning is still at work; stop it before you open another run.", "warning")
            return
        self._with_run(path, self.learning_job.follow)

    def _with_run(self, path: Path, use: Callable[[RunFolder], None]) -> None:
        try:
            use(RunFolder.open(path))
        except EMDiffError as error:
            self.tell(str(error), "error")
