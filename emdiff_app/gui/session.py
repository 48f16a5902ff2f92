"""The state of one window. Panels show it, change it and listen to it; they never talk to each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from psygnal import SignalGroupDescriptor

from emdiff_app import priors
from emdiff_app.errors import EMDiffError
from emdiff_app.images import open_stack, save_stack
from emdiff_app.learning import Preset, RunFolder
from emdiff_app.physics import ImagingModel
from emdiff_app.resources import resource_path

from . import runs
from .host import Host, ImageRef, Message, Offer
from .jobs import (
    JobState,
    LearningJob,
    LearningStatus,
    Mailbox,
    Outcome,
    RestoringJob,
    RestoringStatus,
    Tasks,
)
from .model_form import ModelForm
from .restoration import Restored, RestoreTask

__all__ = ["Session"]


@dataclass(eq=False)
class Session:
    """Fields tell when they change (`session.events.preset.connect(...)`); verbs return at once."""

    host: Host
    runs_folder: Path = field(default_factory=runs.default_runs)
    images: tuple[ImageRef, ...] = ()
    ticked: frozenset[str] = frozenset()
    to_restore: str = ""
    form: ModelForm = field(default_factory=ModelForm)
    preset: Preset = "quick"
    changes: Mapping[str, Any] = field(default_factory=dict)  # recipe fields that differ from the preset
    device: str = "auto"
    samples: int = 1
    spread: bool = True
    prior: Path | None = None
    learning: LearningStatus = field(default_factory=LearningStatus)
    restoring: RestoringStatus = field(default_factory=RestoringStatus)
    message: Message | None = None
    working: str = ""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor(collect_fields=True)

    def __post_init__(self) -> None:
        self.mailbox = Mailbox()
        self.learning_job = LearningJob(self.mailbox)
        self.restoring_job = RestoringJob(self.mailbox)
        self.tasks = Tasks(self.mailbox)
        self._closed = False
        self.host.images_changed.connect(self.look_at_images)
        self.events.message.connect(self._pass_on)
        self.look_at_images()

    # images ----------------------------------------------------------------------------------

    def look_at_images(self) -> None:
        """The host shows other images than before; new recorded ones are ticked."""
        before = {ref.key for ref in self.images}
        refs = tuple(self.host.list_images())
        keys = {ref.key for ref in refs}
        new = {ref.key for ref in refs if ref.key not in before and not ref.is_result}
        self.images = refs
        self.ticked = (self.ticked & keys) | new
        recorded = [ref.key for ref in refs if not ref.is_result]
        if self.to_restore not in keys:
            self.to_restore = recorded[0] if recorded else ""

    def image(self, key: str) -> ImageRef | None:
        return next((ref for ref in self.images if ref.key == key), None)

    @property
    def learn_from(self) -> list[ImageRef]:
        return [ref for ref in self.images if ref.key in self.ticked]

    def open_files(self, paths: list[Path]) -> None:
        """Images, priors and run folders, each as what it is."""
        images = []
        for path in paths:
            if path.suffix == ".emprior":
                self.use_prior(path)
            elif (path / "recipe.json").is_file():
                self.open_run(path)
            else:
                images.append(path)
        if images:
            self._open_next(images)

    def _open_next(self, paths: list[Path]) -> None:
        """One after the other, so that a hundred files do not ask for a hundred threads."""
        path, *others = paths

        def show(stack: Any) -> None:
            self._show(stack)
            if others:
                self._open_next(others)

        self._task(f"Opening {path.name}", partial(open_stack, path), show)

    def _show(self, stack: Any) -> None:
        self.host.show_stack(stack)
        if stack.warnings:
            self.tell(" ".join(stack.warnings), "warning")

    def try_example(self) -> None:
        """Everything set for a first look, offline."""

        def load() -> tuple[Any, ImagingModel]:
            model = ImagingModel.read(resource_path("example/model.json"))
            return open_stack(resource_path("example/recorded.tif")), model

        def show(loaded: tuple[Any, ImagingModel]) -> None:
            stack, model = loaded
            self.ticked = frozenset()
            self._show(stack)
            self.form, self.preset = ModelForm.of(model), "quick"
            self.tell("The example is ready: press Start learning, and later Restore.")

        self._task("Opening the example", load, show)

    # what went wrong -------------------------------------------------------------------------

    def estimate(self) -> None:
        """Measure the noise on the first ticked image."""
        image = next(iter(self.learn_from), None)
        if image is None:
            self.tell("No image is ticked, so there is nothing to measure; tick one under Images.", "warning")
            return
        self._task(f"Measuring the noise of {image.name}", lambda: _measured(image), self._use_estimate)

    def _use_estimate(self, found: Any) -> None:
        self.form = self.form.with_noise(found.model)
        if found.caveats:
            self.tell(" ".join(found.caveats), "warning")

    def load_model(self, path: Path) -> None:
        """Fill the form from a model file."""

        def use(model: ImagingModel) -> None:
            self.form = ModelForm.of(model, path.parent)

        self._task(f"Reading {path.name}", lambda: ImagingModel.read(path), use)

    # learn -----------------------------------------------------------------------------------

    def learn(self) -> None:
        images, form = self.learn_from, self.form
        choices = (self.preset, self.device, self.changes)
        folder = runs.new_folder(self.runs_folder, images)

        def prepare() -> RunFolder:
            if not images:
                return runs.make_run(folder, [], form.imaging_model(), *choices)
            known = form if form.noise else form.with_noise(_measured(images[0]).model)
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

    # restore and share -----------------------------------------------------------------------

    def use_prior(self, path: Path) -> None:
        self.prior = path

    def restore(self) -> None:
        image, prior = self.image(self.to_restore), self.prior
        if image is None or prior is None:
            lacking = "image to restore" if image is None else "prior to restore it with"
            self.tell(f"There is no {lacking} yet; nothing was started. Choose one.", "warning")
            return
        self.message = None
        self.restoring_job.start(RestoreTask(image, prior, self.form, self.samples, self.device, self.spread))

    def cancel_restoring(self) -> None:
        self.restoring_job.stop()

    def _show_restored(self, restored: Restored) -> None:
        for result in restored.results:
            self.host.add_result(result)
        if restored.sentences:
            self.tell(" ".join(restored.sentences))

    def save_image(self, key: str, path: Path) -> None:
        """Write an image with its pixel size and axes."""
        image = self.image(key)
        if image is not None:
            stack = image.stack
            self._task(
                f"Saving {path.name}",
                lambda: save_stack(stack, path, overwrite=True),
                lambda _: self.tell(f"Saved {path}."),
            )

    def export_prior(self, path: Path) -> None:
        """Give the prior away as a file; the dialog has asked before replacing one."""
        prior = self.prior
        if prior is not None:
            self._task(
                f"Exporting {path.name}",
                lambda: priors.export_prior(prior, path, overwrite=True),
                lambda made: self.tell(f"Exported the prior to {made}."),
            )

    def command_line(self) -> str:
        """What the window would do now, for a terminal: restore if there is a prior, else learn."""
        image = self.image(self.to_restore)
        model = runs.keep_model(self.runs_folder, self.form.imaging_model())
        if self.prior and image:
            return runs.restore_line(image, self.prior, model, self.samples)
        return runs.learn_line(self.learn_from, model, self.preset)

    # news ------------------------------------------------------------------------------------

    def poll(self) -> None:
        """Take in what the threads have posted; called ten times a second on the window's thread."""
        for topic, value in self.mailbox.collect().items():
            if topic == "learning":
                self._learning_news(value)
            elif topic == "restoring":
                self._restoring_news(value)
            elif isinstance(value, Outcome):
                value.deliver()
        if self.working and not self.tasks.busy:
            self.working = ""

    def _learning_news(self, status: LearningStatus) -> None:
        before, self.learning = self.learning, status
        if status.prior and (status.state.ended or not self.prior):
            self.prior = status.prior
        if status.state is JobState.FAILED and before.state is not JobState.FAILED:
            offers = (Offer("Resume", "resume"),) if status.saved_at else ()
            self.message = Message(status.failure, "error", offers, status.details)
        elif status.notice and status.notice != before.notice:
            self.tell(status.notice, "warning")

    def _restoring_news(self, status: RestoringStatus) -> None:
        self.restoring = status
        if status.state is JobState.DONE:
            self._show_restored(status.result)
        elif status.failure:
            self.tell(status.failure, "error" if status.state is JobState.FAILED else "info")

    def tell(self, text: str, level: str = "info", details: str = "") -> None:
        self.message = Message(text, level, details=details)

    def _pass_on(self, message: Message | None) -> None:
        if message is not None:
            self.host.say(message)

    def _task(self, words: str, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        self.working = f"{words}..."
        self.tasks.run(work, done, lambda failure: self.tell(failure, "error"))

    def close(self) -> None:
        """The window goes: a worker goes on, a restoration ends."""
        if self._closed:
            return
        self._closed = True
        self.host.images_changed.disconnect(self.look_at_images)
        self.host.disconnect()
        self.restoring_job.stop()
        self.learning_job.leave()
        self.restoring_job.join()


def _measured(image: ImageRef) -> Any:
    from emdiff_app.physics import estimate_noise  # brings scipy's statistics with it

    return estimate_noise(image.stack)
