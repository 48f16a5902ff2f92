"""Step 4: restore an image with the prior, and say whether to believe it."""

from dataclasses import replace
from functools import partial

from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QLabel,
    QProgressBar,
    QRadioButton,
    QSizePolicy,
    QSpinBox,
)

from emdiff_app.gui.jobs import RESTORE_BUTTONS, JobState
from emdiff_app.gui.restoration import Mode
from emdiff_app.gui.session import Session
from emdiff_app.gui.words import restoring_line

from .other_method import OtherMethodChoice
from .section import Section, button, line, named, text
from .verdict import VerdictLine

__all__ = ["RestorePanel"]

MODES: dict[Mode, tuple[str, str]] = {
    "clean": ("One clean estimate", "The best single image, in the quickest right way."),
    "average": ("Average of 8", "Eight possible images are drawn and averaged; slower."),
    "samples": ("Samples", "Possible images, each a layer: what they agree on is certain."),
    "other": (
        "Without a prior",
        "A classical method, to put beside it; there is no uncertainty and no verdict.",
    ),
}


class RestorePanel(Section):
    def __init__(self, session: Session) -> None:
        super().__init__(4, "Restore")
        self.session = session
        self._showing = False
        self.image = named(QComboBox(), "Image to restore")
        self.image.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.image.currentIndexChanged.connect(self._chosen)
        self.prior = text(name="Prior in use")
        self._choices()
        self.start = button("Restore", session.restore)
        self.stop = button("Cancel", session.cancel_restoring, name="Cancel restoring")
        self.batch = button("Batch...", self._batch, "Every image of a folder, into files of another.")
        self.progress = named(QProgressBar(), "Progress of restoring")
        self.progress.setTextVisible(False)
        self.progress.setMaximumHeight(8)
        self.status = text(name="State of restoring")
        self.verdict = VerdictLine(session)
        self.other = OtherMethodChoice(session)
        image = line(QLabel("Image"), self.image, stretch=False)
        image.setStretch(1, 1)
        self.body.addLayout(image)
        self.body.addWidget(self.prior)
        self.body.addLayout(line(self.modes["clean"], self.modes["average"]))
        self.body.addLayout(line(self.modes["samples"], self.count, self.spread))
        self.body.addLayout(line(self.modes["other"]))
        self.body.addWidget(self.other)
        self.body.addLayout(line(self.start, self.stop, self.batch))
        for widget in (self.progress, self.status, self.verdict):
            self.body.addWidget(widget)
        for event in ("images", "to_restore"):
            getattr(session.events, event).connect(self._show_images)
        for event in ("restoring", "prior", "wanted"):
            getattr(session.events, event).connect(self.show_status)
        self._show_images()
        self.show_status()

    def _choices(self) -> None:
        self.modes: dict[Mode, QRadioButton] = {}
        group = QButtonGroup(self)
        for mode, (title, tip) in MODES.items():
            radio = named(QRadioButton(title), title, tip)
            radio.clicked.connect(partial(self._mode, mode))
            group.addButton(radio)
            self.modes[mode] = radio
        self.count = named(QSpinBox(), "Number of samples", "How many possible images are kept.")
        self.count.setRange(2, 64)
        self.count.valueChanged.connect(lambda count: self._want(count=count))
        self.spread = named(
            QCheckBox("Uncertainty layer"),
            "Uncertainty layer",
            "How far possible images differ at each pixel.",
        )
        self.spread.toggled.connect(lambda on: self._want(spread=on))

    def _mode(self, mode: Mode, _: bool = True) -> None:
        self._want(mode=mode)

    def _want(self, **changes: object) -> None:
        if not self._showing:
            self.session.wanted = replace(self.session.wanted, **changes)  # type: ignore[arg-type]

    def _chosen(self) -> None:
        if not self._showing:
            self.session.to_restore = self.image.currentData() or ""

    def _batch(self) -> None:
        folder = self.session.host.ask_folder("The folder with the images to restore")
        out = self.session.host.ask_folder("The folder for the restored images") if folder else None
        if folder and out:
            self.session.restore_folder(folder, out)

    def _show_images(self) -> None:
        self._showing = True
        self.image.clear()
        for ref in self.session.images:
            self.image.addItem(ref.name, ref.key)
        self.image.setCurrentIndex(self.image.findData(self.session.to_restore))
        self._showing = False
        self.show_status()

    def show_status(self) -> None:
        session = self.session
        status = session.restoring
        self._showing = True
        self.modes[session.wanted.mode].setChecked(True)
        self.count.setValue(session.wanted.count)
        self.count.setEnabled(session.wanted.mode == "samples")
        self.spread.setChecked(session.wanted.spread)
        self._showing = False
        for name, look in RESTORE_BUTTONS[status.state].items():
            getattr(self, name).setText(look.text)
            getattr(self, name).setEnabled(look.enabled)
        self.spread.setEnabled(session.wanted.mode != "other")
        self.batch.setEnabled(self.start.isEnabled() and session.can_restore)
        self.start.setEnabled(self.start.isEnabled() and session.can_restore and bool(session.to_restore))
        self.prior.setVisible(session.wanted.mode != "other")
        self.prior.setText(
            f"Prior: {session.prior.parent.name}/{session.prior.name}"
            if session.prior
            else "No prior yet: learn one above, import one under Share, or restore without one."
        )
        self.status.setText(restoring_line(status))
        self.status.setVisible(bool(self.status.text()))
        self.progress.setVisible(status.state.busy)
        running = status.state in (JobState.RUNNING, JobState.STOPPING) and status.progress
        self.progress.setRange(0, 1000 if running else 0)
        if running and status.progress:
            self.progress.setValue(int(1000 * status.progress.fraction))
