"""What learning starts from: nothing, clean images, or a prior."""

from qtpy.QtWidgets import QComboBox, QLabel, QWidget

from emdiff_app.gui.host import IMAGE_KINDS
from emdiff_app.gui.session import Session
from emdiff_app.gui.start_from import StartFrom

from .section import line, named, text

__all__ = ["StartFields"]

PRIORS = "Priors (*.emprior)"


class StartFields(QWidget):
    """Shows `session.start`; choosing files asks for them at once."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.box = named(
            QComboBox(), "Start from", "Clean images, or a prior of similar images, save much time."
        )
        for title in ("nothing", "clean images...", "a prior..."):
            self.box.addItem(title)
        self.box.activated.connect(self._choose)
        self.chosen = text(name="What learning starts from")
        row = line(QLabel("Start from"), self.box, self.chosen, stretch=False)
        row.setContentsMargins(0, 0, 0, 0)
        row.setStretch(2, 1)
        self.setLayout(row)
        session.events.start.connect(self._show)
        self._show()

    def _choose(self, row: int) -> None:
        host = self.session.host
        if row == 0:
            self.session.start = StartFrom()
        elif row == 1:
            if paths := host.ask_files("Choose clean images", IMAGE_KINDS):
                self.session.start = StartFrom("clean", tuple(paths))
        elif paths := host.ask_files("Choose a prior to start from", PRIORS):
            self.session.start = StartFrom("prior", tuple(paths[:1]))
        self._show()

    def _show(self) -> None:
        start = self.session.start
        self.box.setCurrentIndex({"nothing": 0, "clean": 1, "prior": 2}[start.kind])
        self.chosen.setText(start.in_words)
        self.chosen.setToolTip("\n".join(map(str, start.paths)))
