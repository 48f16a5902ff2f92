"""What learning starts from: nothing, clean images, or a prior."""

from pathlib import Path

from qtpy.QtWidgets import QComboBox, QLabel, QWidget

from emdiff_app.gui.session import Session
from emdiff_app.learning import Recipe

from .images import KINDS
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
        self.setVisible("start" in Recipe.model_fields)
        session.events.start.connect(self._show)
        self._show()

    def _choose(self, row: int) -> None:
        host = self.session.host
        if row == 0:
            self.session.start = "nothing"
        elif row == 1:
            paths = host.ask_files("Choose clean images", KINDS)
            if paths:
                self.session.start = f"clean:{pattern(paths)}"
        else:
            paths = host.ask_files("Choose a prior to start from", PRIORS)
            if paths:
                self.session.start = f"prior:{paths[0]}"
        self._show()

    def _show(self) -> None:
        kind, _, where = self.session.start.partition(":")
        self.box.setCurrentIndex({"nothing": 0, "clean": 1, "prior": 2}[kind])
        self.chosen.setText(Path(where).name)
        self.chosen.setToolTip(where)


def pattern(paths: list[Path]) -> str:
    """One file by its name, several of a folder by the ending that they share."""
    first = Path(paths[0])
    return str(first) if len(paths) == 1 else str(first.parent / f"*{first.suffix}")
