"""What the window holds. Fields tell when they change: `session.events.preset.connect(...)`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from psygnal import SignalGroupDescriptor

from emdiff_app.gui import runs
from emdiff_app.gui.devices import Devices
from emdiff_app.gui.host import Host, ImageRef, MaskRef, Message, Offer, Result
from emdiff_app.gui.jobs import LearningJob, LearningStatus, Mailbox, RestoringJob, RestoringStatus, Tasks
from emdiff_app.gui.model_form import ModelForm
from emdiff_app.gui.model_pictures import NoiseFit, PsfPicture
from emdiff_app.gui.phrases import in_the_window
from emdiff_app.gui.prior_card import PriorFile
from emdiff_app.gui.restoration import Restored, Wanted
from emdiff_app.gui.start_from import StartFrom
from emdiff_app.images import Stack
from emdiff_app.learning import Preset

__all__ = ["State"]


@dataclass(eq=False)
class State:
    """The fields, and the two things that every verb needs: to speak, and to work beside the window."""

    host: Host
    runs_folder: Path = field(default_factory=runs.default_runs)
    images: tuple[ImageRef, ...] = ()
    opened: tuple[Path, ...] = ()  # files that were opened last
    ticked: frozenset[str] = frozenset()
    masks: tuple[MaskRef, ...] = ()
    thumbnails: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)  # of images, by key
    to_restore: str = ""
    form: ModelForm = field(default_factory=ModelForm)
    noise_fit: NoiseFit | None = None
    psf: PsfPicture | None = None
    preset: Preset = "quick"
    changes: Mapping[str, Any] = field(default_factory=dict)  # recipe fields that differ from the preset
    start: StartFrom = field(default_factory=StartFrom)
    device: str = "auto"
    devices: Devices = field(default_factory=Devices)
    wanted: Wanted = field(default_factory=Wanted)
    restored_words: Restored | None = None  # the verdict on the last restoration
    prior: Path | None = None
    offered: PriorFile | None = None  # a prior from a file, before the user has said yes
    drawn: NDArray[np.uint8] | None = None  # a sheet of samples from the prior
    restored: Mapping[str, Stack] = field(default_factory=dict)  # by the key of the image
    unsaved: frozenset[str] = frozenset()  # results that are in no file yet, by their keys
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
        self.learned: Path | None = None  # the prior in use, where a run brought it and nobody chose it
        self.shown: dict[Result, str] = {}  # results of the present restoration, and the host's keys for them

    def image(self, key: str) -> ImageRef | None:
        return next((ref for ref in self.images if ref.key == key), None)

    @property
    def learn_from(self) -> list[ImageRef]:
        return [ref for ref in self.images if ref.key in self.ticked]

    def tell(self, text: str, level: str = "info", details: str = "", offers: tuple[Offer, ...] = ()) -> None:
        """Say what happened, whether anything is lost, and what to do."""
        self.message = Message(in_the_window(text), level, offers, details)

    def dismiss(self) -> None:
        self.message = None

    def copy(self, words: str) -> None:
        """To the clipboard."""
        from qtpy.QtWidgets import QApplication

        QApplication.clipboard().setText(words)
        self.tell(f"Copied: {words}")

    def task(self, words: str, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """Something short off the window's thread; `done` is called on it."""
        self.working = f"{words}..."
        self.tasks.run(work, done, lambda failure: self.tell(failure, "error"))
