"""Wishes about learning: start, pause, resume, stop, look at a run, take up an unfinished one."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from emdiff_app.errors import EMDiffError, RunError
from emdiff_app.gui import runs
from emdiff_app.gui.devices import Devices, find_devices
from emdiff_app.gui.host import IMAGE_KINDS, Offer
from emdiff_app.gui.jobs import JobState
from emdiff_app.gui.start_from import StartFrom
from emdiff_app.gui.unfinished import Unfinished, find_unfinished, is_free, unmark
from emdiff_app.learning import RunFolder
from emdiff_app.system import INSTALL_TORCH

from .model_wishes import ModelWishes

__all__ = ["LearnWishes"]


class LearnWishes(ModelWishes):
    def learn(self) -> None:
        images = self.learn_from
        form = self._form_or_told()
        if form is None:
            return
        choices = runs.Choices(self.preset, self.device, self.changes, self.start)
        folder = runs.new_folder(self.runs_folder, images)

        def prepare() -> RunFolder:
            if not images:
                return runs.make_run(folder, [], form.imaging_model(), choices)
            model = form.complete(images[0].stack).imaging_model()
            return runs.make_run(folder, images, model, choices)

        self.message = None
        if again := runs.named_again(images, choices):
            self.tell(" ".join(again), "warning")
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
        if self.learning.run:
            self.resume_run(self.learning.run)

    def resume_run(self, path: Path) -> None:
        self.message = None
        unmark(path)
        self._with_run(path, self.learning_job.resume)

    def resume_with(self, changes: dict[str, Any]) -> None:
        """Go on, with a recipe that asks for less."""
        run = self.learning.run
        if run is None:
            return
        try:
            runs.change_recipe(RunFolder.open(run), changes)
        except EMDiffError as error:
            self.tell(str(error), "error")
            return
        self.resume()

    def add_clean(self) -> None:
        """Clean images bring back what a fixed blur has removed for ever."""
        paths = self.host.ask_files("Choose clean images", IMAGE_KINDS)
        if paths:
            self.start = StartFrom("clean", tuple(paths))
            self.tell(f"The next run learns from {self.start.in_words} as well; press Start anew.")

    def stop_learning(self) -> None:
        self.learning_job.stop()

    def open_run(self, path: Path) -> None:
        """Show a run that was made elsewhere."""
        if self.learning.state.busy:
            self.tell("Learning is still at work; stop it before you open another run.", "warning")
            return
        self.message = None
        self._with_run(path, self.learning_job.follow)

    def _with_run(self, path: Path, use: Callable[[RunFolder], None]) -> None:
        try:
            use(RunFolder.open(path))
        except EMDiffError as error:
            self.tell(str(error), "error")

    # an unfinished run -----------------------------------------------------------------------

    def look_for_unfinished(self) -> None:
        """At the start: what was at work when the window closed, or died, the last time?"""
        self.tasks.run(
            partial(find_unfinished, self.runs_folder), self._offer_unfinished, lambda failure: None
        )

    def _offer_unfinished(self, found: Unfinished | None) -> None:
        if found is None or self.learning.run is not None:
            return
        show = Offer("Show", "open_run", (found.path,))
        again = (Offer("Resume", "resume_run", (found.path,)), show)
        offers = (show,) if found.at_work else (*again, Offer("Discard", "ask_discard", (found.path,)))
        self.tell(found.words, offers=offers)

    def ask_discard(self, path: Path) -> None:
        self.tell(
            f"Discard {path.name}? All that this run has learned will be deleted; your images stay.",
            "warning",
            offers=(Offer("Discard for good", "discard", (path,)),),
        )

    def discard(self, path: Path) -> None:
        self.message = None
        self.task(
            f"Discarding {path.name}",
            partial(_delete, path),
            lambda _: self.tell(f"Discarded {path.name}."),
        )

    # where to compute ------------------------------------------------------------------------

    def look_at_devices(self) -> None:
        self.tasks.run(find_devices, self._use_devices, lambda failure: None)

    def _use_devices(self, devices: Devices) -> None:
        if devices.warning and devices.warning != self.devices.warning:
            copy = Offer("Copy the install command", "copy", (INSTALL_TORCH,))
            self.tell(devices.warning, "warning", offers=(copy, Offer("Continue on CPU", "dismiss")))
        self.devices = devices

    def _use_what_is_there(self) -> None:
        """A device that is preferred, and that this computer has not, is none: then the best that it has."""
        there = {device.value for device in self.devices.all}
        if there and self.device not in {"auto", *there}:
            self.device = "auto"


def _delete(run: Path) -> None:
    """The question may be old: a worker may have taken up the run since."""
    if not is_free(run):
        raise RunError(f"A worker is at work on {run.name}, so nothing was deleted; stop it first.")
    shutil.rmtree(run)
