"""Step 3: learn what the clean images look like."""

from functools import partial

from qtpy.QtWidgets import QButtonGroup, QComboBox, QLabel, QProgressBar, QRadioButton

from emdiff_app.gui.jobs import LEARN_BUTTONS, JobState
from emdiff_app.gui.session import Session
from emdiff_app.gui.words import learning_line
from emdiff_app.learning import Preset

from .section import Section, button, line, named, text

__all__ = ["LearnPanel"]

PRESETS: dict[Preset, tuple[str, str]] = {
    "quick": ("Quick look", "A small network and few rounds: a first impression within minutes."),
    "standard": ("Standard", "For most images; an hour or so, much less with a GPU."),
    "best": ("Overnight", "The largest network and the most rounds; wants a GPU."),
}
DEVICES = {"auto": "Best device", "cpu": "CPU", "cuda": "NVIDIA GPU", "mps": "Apple GPU"}


class LearnPanel(Section):
    def __init__(self, session: Session) -> None:
        super().__init__(3, "Learn")
        self.session = session
        self.presets: dict[Preset, QRadioButton] = {}
        group = QButtonGroup(self)
        for preset, (title, tip) in PRESETS.items():
            radio = named(QRadioButton(title), f"Preset {title}", tip)
            radio.toggled.connect(partial(self._preset, preset))
            group.addButton(radio)
            self.presets[preset] = radio
        self.device = named(
            QComboBox(), "Compute on", "Where to compute; the best one that works by default."
        )
        for value, title in DEVICES.items():
            self.device.addItem(title, value)
        self.device.currentIndexChanged.connect(
            lambda _: setattr(session, "device", self.device.currentData())
        )
        self.start = button("Start learning", session.learn)
        self.pause = button("Pause", session.pause, "Pausing frees the memory of the GPU.")
        self.stop = button("Stop and keep", session.stop_learning, "Stop at the next step; all is kept.")
        self.progress = named(QProgressBar(), "Progress of learning")
        self.progress.setTextVisible(False)
        self.progress.setMaximumHeight(8)
        self.status = text(name="State of learning")
        self.body.addWidget(text("Teach a learned image model (the prior) from the ticked images."))
        self.body.addLayout(line(*self.presets.values()))
        self.body.addLayout(line(QLabel("Compute on"), self.device))
        self.body.addLayout(line(self.start, self.pause, self.stop))
        self.body.addWidget(self.progress)
        self.body.addWidget(self.status)
        session.events.learning.connect(self.show_status)
        session.events.preset.connect(self._show_preset)
        self._show_preset()
        self.show_status()

    def _preset(self, preset: Preset, on: bool) -> None:
        if on:
            self.session.preset = preset

    def _show_preset(self) -> None:
        self.presets[self.session.preset].setChecked(True)

    def show_status(self) -> None:
        """Buttons by the table, the line by the events."""
        status = self.session.learning
        for name, look in LEARN_BUTTONS[status.state].items():
            widget = getattr(self, name)
            widget.setText(look.text)
            widget.setAccessibleName(look.text)
            widget.setEnabled(look.enabled)
        line_now = learning_line(status)
        self.status.setText(line_now + (f" ({status.device})" if line_now and status.device else ""))
        self.progress.setVisible(status.state.busy)
        if status.state is JobState.PREPARING or not status.steps or not status.rounds:
            self.progress.setRange(0, 0)
        else:
            done = max(status.round - 1, 0) + status.step / status.steps
            self.progress.setRange(0, 1000)
            self.progress.setValue(min(int(1000 * done / status.rounds), 1000))
