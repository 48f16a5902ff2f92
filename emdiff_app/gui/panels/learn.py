"""Step 3: learn what the clean images look like."""

from functools import partial

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QButtonGroup, QGridLayout, QProgressBar, QRadioButton

from emdiff_app.gui.jobs import LEARN_BUTTONS, JobState
from emdiff_app.gui.session import Session
from emdiff_app.gui.words import learning_fraction, learning_line
from emdiff_app.learning import Preset

from .section import Section, button, line, named, text
from .start_fields import StartFields

__all__ = ["LearnPanel"]

PRESETS: dict[Preset, tuple[str, str]] = {
    "quick": ("Quick look", "A small network and few rounds: a first impression within minutes."),
    "standard": ("Standard", "For most images; an hour or so, much less with a GPU."),
    "best": ("Overnight", "The largest network and the most rounds; wants a GPU."),
}
LATER_MS = 20_000  # so often `saved 2 min ago` is brought up to date


class LearnPanel(Section):
    def __init__(self, session: Session) -> None:
        super().__init__(3, "Learn")
        self.session = session
        self._presets()
        self.start_from = StartFields(session)
        self.start = button("Start learning", session.learn)
        self.pause = button("Pause", session.pause, "Pausing frees the memory of the GPU.")
        self.stop = button("Stop and keep", session.stop_learning, "Stop at the next step; all is kept.")
        self.open = button("Open run...", self._open, "Show a run that was made elsewhere or before.")
        self.progress = named(QProgressBar(), "Progress of learning")
        self.progress.setTextVisible(False)
        self.progress.setMaximumHeight(8)
        self.status = text(name="State of learning")
        self.body.addWidget(self.start_from)
        self.body.addLayout(line(self.start, self.pause, self.stop))
        self.body.addWidget(self.progress)
        self.body.addWidget(self.status)
        self.body.addLayout(line(self.open))
        self._later = QTimer(self, interval=LATER_MS)
        self._later.timeout.connect(self._show_words)
        self._later.start()
        session.events.learning.connect(self.show_status)
        for event in ("preset", "changes"):
            getattr(session.events, event).connect(self._show_preset)
        self._show_preset()
        self.show_status()

    def _presets(self) -> None:
        self.presets: dict[Preset, QRadioButton] = {}
        group = QButtonGroup(self)
        grid = QGridLayout()
        for place, (preset, (title, tip)) in enumerate(PRESETS.items()):
            radio = named(QRadioButton(title), f"Preset {title}", tip)
            radio.clicked.connect(partial(self._preset, preset))
            group.addButton(radio)
            grid.addWidget(radio, 0, place)
            self.presets[preset] = radio
        self.custom = named(QRadioButton("Custom..."), "Custom", "Every choice, starting from the preset.")
        self.custom.clicked.connect(lambda _: self._customise())
        group.addButton(self.custom)
        grid.addWidget(self.custom, 1, 0)
        self.changed = text(name="Changed choices")
        grid.addWidget(self.changed, 1, 1, 1, 2)
        grid.setColumnStretch(2, 1)
        self.body.addWidget(text("Teach a learned image model (the prior) from the ticked images."))
        self.body.addLayout(grid)

    def _preset(self, preset: Preset, _: bool = True) -> None:
        self.session.changes = {}
        self.session.preset = preset

    def _customise(self) -> None:
        from emdiff_app.gui.dialogs.custom import CustomDialog

        dialog = CustomDialog(self.session.preset, self.session.changes, self)
        dialog.accepted.connect(lambda: setattr(self.session, "changes", dialog.changes()))
        dialog.finished.connect(lambda _: self._show_preset())
        dialog.open()

    def _show_preset(self) -> None:
        changes = self.session.changes
        (self.custom if changes else self.presets[self.session.preset]).setChecked(True)
        title = PRESETS[self.session.preset][0]
        many = f"{title} with {len(changes)} choice{'s' if len(changes) > 1 else ''} changed"
        self.changed.setText(many if changes else "")

    def _open(self) -> None:
        folder = self.session.host.ask_folder("Open a run folder")
        if folder is not None:
            self.session.open_run(folder)

    def _show_words(self) -> None:
        status = self.session.learning
        line_now = learning_line(status)
        self.status.setText(line_now + (f" ({status.device})" if line_now and status.device else ""))
        self.status.setVisible(bool(line_now))

    def show_status(self) -> None:
        """Buttons by the table, the line by the events."""
        status = self.session.learning
        for name, look in LEARN_BUTTONS[status.state].items():
            widget = getattr(self, name)
            widget.setText(look.text)
            widget.setAccessibleName(look.text)
            widget.setEnabled(look.enabled)
        self.open.setEnabled(not status.state.busy)
        self._show_words()
        self.progress.setVisible(status.state.busy)
        done = None if status.state is JobState.PREPARING else learning_fraction(status)
        self.progress.setRange(0, 0 if done is None else 1000)
        if done is not None:
            self.progress.setValue(int(1000 * done))
