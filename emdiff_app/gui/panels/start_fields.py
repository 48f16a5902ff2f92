"""What learning starts from: nothing, clean images of this kind or of another, or a prior."""

from qtpy.QtWidgets import QComboBox, QLabel, QWidget

from emdiff_app.gui.host import IMAGE_KINDS
from emdiff_app.gui.session import Session
from emdiff_app.gui.start_from import StartFrom

from .section import line, named, text

__all__ = ["StartFields"]

PRIORS = "Priors (*.emprior)"
KINDS: dict[str, tuple[str, str, str]] = {
    "nothing": ("nothing", "", ""),
    "clean": ("clean images...", "Choose clean images", IMAGE_KINDS),
    "similar": ("clean images of another kind...", "Choose clean images of another kind", IMAGE_KINDS),
    "prior": ("a prior...", "Choose a prior to start from", PRIORS),
}
"""The entry of each, the title of the question for files, and which files are meant."""


class StartFields(QWidget):
    """Shows `session.start`; choosing files asks for them at once."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.box = named(
            QComboBox(),
            "Start from",
            "Clean images, or a prior of similar images, save much time. Clean images of another kind are learned from "
            "at the start only, and each at its own brightness.",
        )
        for kind, (title, _, _) in KINDS.items():
            self.box.addItem(title, kind)
        self.box.activated.connect(self._choose)
        self.chosen = text(name="What learning starts from")
        row = line(QLabel("Start from"), self.box, self.chosen, stretch=False)
        row.setContentsMargins(0, 0, 0, 0)
        row.setStretch(2, 1)
        self.setLayout(row)
        session.events.start.connect(self._show)
        self._show()

    def _choose(self, row: int) -> None:
        kind = self.box.itemData(row)
        _, question, files = KINDS[kind]
        if kind == "nothing":
            self.session.start = StartFrom()
        elif paths := self.session.host.ask_files(question, files):
            self.session.start = StartFrom(kind, tuple(paths[:1] if kind == "prior" else paths))
        self._show()

    def _show(self) -> None:
        start = self.session.start
        self.box.setCurrentIndex(self.box.findData(start.kind))
        self.chosen.setText(start.in_words)
        self.chosen.setToolTip("\n".join(map(str, start.paths)))
