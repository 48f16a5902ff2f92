"""Whether to believe the last restoration, and why."""

from qtpy.QtWidgets import QVBoxLayout, QWidget

from emdiff_app.gui.session import Session

from .section import button, line, text

__all__ = ["VerdictLine"]

WHY = (
    "How it is judged: some parts of the image, half of them where there is most to see, are restored several times "
    "and looked at from every side. And the whole restored image is recorded again under your imaging model, and what "
    "differs from your data is compared with the noise. chi2 is the size of that difference: 1 is noise alone, more "
    "means that structure was lost or invented or the noise under-estimated, less that noise was kept."
)


class VerdictLine(QWidget):
    """One sentence; the reasons when they are asked for."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.verdict = text(name="Verdict on the restoration")
        self.reasons = text(name="Reasons for the verdict")
        self.why = button("Why?", self._show, "What the verdict rests on.", "Why this verdict?")
        self.why.setCheckable(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.verdict)
        layout.addLayout(line(self.why))
        layout.addWidget(self.reasons)
        session.events.restored_words.connect(self._show)
        self._show()

    def _show(self) -> None:
        done = self.session.restored_words
        self.setVisible(done is not None)
        if done is None:
            self.why.setChecked(False)
            return
        self.verdict.setText(done.verdict)
        self.reasons.setText("\n\n".join([*done.reasons, WHY]))
        self.reasons.setVisible(self.why.isChecked())
