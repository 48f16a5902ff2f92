"""Step 4: restore an image with the prior."""

from functools import partial

from qtpy.QtWidgets import QButtonGroup, QCheckBox, QComboBox, QLabel, QProgressBar, QRadioButton, QSizePolicy

from emdiff_app.gui.jobs import RESTORE_BUTTONS, JobState
from emdiff_app.gui.session import Session
from emdiff_app.gui.words import restoring_line

from .section import Section, button, line, named, text

__all__ = ["RestorePanel"]

MODES = {1: "One clean estimate", 8: "Average of 8"}


class RestorePanel(Section):
    def __init__(self, session: Session) -> None:
        super().__init__(4, "Restore")
        self.session = session
        self._showing = False
        self.image = named(QComboBox(), "Image to restore")
        self.image.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.image.currentIndexChanged.connect(self._chosen)
        self.prior = text(name="Prior in use")
        self.modes: dict[int, QRadioButton] = {}
        group = QButtonGroup(self)
        for samples, title in MODES.items():
            radio = named(QRadioButton(title), title)
            radio.toggled.connect(partial(self._mode, samples))
            group.addButton(radio)
            self.modes[samples] = radio
        self.spread = named(
            QCheckBox("Uncertainty layer"), "Uncertainty layer", "How far the samples differ at each pixel."
        )
        self.spread.setChecked(session.spread)
        self.spread.toggled.connect(lambda on: setattr(session, "spread", on))
        self.start = button("Restore", session.restore)
        self.stop = button("Cancel", session.cancel_restoring, name="Cancel restoring")
        self.progress = named(QProgressBar(), "Progress of restoring")
        self.progress.setTextVisible(False)
        self.progress.setMaximumHeight(8)
        self.status = text(name="State of restoring")
        self.body.addLayout(line(QLabel("Image"), self.image, stretch=False))
        self.body.addWidget(self.prior)
        self.body.addLayout(line(*self.modes.values()))
        self.body.addWidget(self.spread)
        self.body.addLayout(line(self.start, self.stop))
        self.body.addWidget(self.progress)
        self.body.addWidget(self.status)
        for event in ("images", "to_restore"):
            getattr(session.events, event).connect(self._show_images)
        for event in ("restoring", "prior", "samples"):
            getattr(session.events, event).connect(self.show_status)
        self._show_images()
        self.show_status()

    def _mode(self, samples: int, on: bool) -> None:
        if on:
            self.session.samples = samples

    def _chosen(self) -> None:
        if not self._showing:
            self.session.to_restore = self.image.currentData() or ""

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
        self.modes[session.samples].setChecked(True)
        for name, look in RESTORE_BUTTONS[status.state].items():
            getattr(self, name).setText(look.text)
            getattr(self, name).setEnabled(look.enabled)
        ready = bool(session.prior and session.to_restore)
        self.start.setEnabled(self.start.isEnabled() and ready)
        # One sample has no spread; saying so beats a layer of zeros.
        self.spread.setEnabled(session.samples > 1)
        self.prior.setText(
            f"Prior: {session.prior.parent.name}/{session.prior.name}"
            if session.prior
            else "No prior yet: learn one above, or import one under Share."
        )
        self.status.setText(restoring_line(status))
        self.progress.setVisible(status.state.busy)
        running = status.state in (JobState.RUNNING, JobState.STOPPING) and status.progress
        self.progress.setRange(0, 1000 if running else 0)
        if running and status.progress:
            self.progress.setValue(int(1000 * status.progress.fraction))
