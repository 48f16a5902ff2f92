"""The place where the window speaks: one message with what can be done about it."""

from functools import partial

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QMessageBox, QStyle, QVBoxLayout

from .panels.section import button, named, text
from .session import Session

__all__ = ["MessageBar"]

SIGNS = {  # a shape and a word, never a colour alone
    "info": ("", QStyle.StandardPixmap.SP_MessageBoxInformation),
    "warning": ("Warning: ", QStyle.StandardPixmap.SP_MessageBoxWarning),
    "error": ("Problem: ", QStyle.StandardPixmap.SP_MessageBoxCritical),
}


class MessageBar(QFrame):
    """Shows `session.message` and, while something short is at work, `session.working`."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.words = text(name="Message")
        self.words.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.working = named(QLabel(), "At work")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.addWidget(self.working)
        self.sign = QLabel()
        self.sign.setAlignment(Qt.AlignmentFlag.AlignTop)
        spoken = QHBoxLayout()
        spoken.addWidget(self.sign)
        spoken.addWidget(self.words, 1)
        layout.addLayout(spoken)
        self.buttons = QHBoxLayout()
        layout.addLayout(self.buttons)
        session.events.message.connect(self._show)
        session.events.working.connect(self._show)
        self._show()

    def _show(self) -> None:
        message, working = self.session.message, self.session.working
        self.working.setText(working)
        self.working.setVisible(bool(working))
        for widget in (self.words, self.sign):
            widget.setVisible(message is not None)
        while (item := self.buttons.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        if message is not None:
            word, picture = SIGNS[message.level]
            self.words.setText(word + message.text)
            self.sign.setPixmap(self.style().standardIcon(picture).pixmap(16, 16))
            for offer in message.offers:
                self.buttons.addWidget(
                    button(offer.text, partial(getattr(self.session, offer.verb), *offer.given))
                )
            if message.details:
                self.buttons.addWidget(button("Details", self._details, "What the worker printed last."))
            self.buttons.addWidget(button("Dismiss", self._dismiss, name="Dismiss the message"))
            self.buttons.addStretch(1)
        self.setVisible(bool(message or working))

    def _dismiss(self) -> None:
        self.session.message = None

    def _details(self) -> None:
        message = self.session.message
        if message is not None:
            box = QMessageBox(QMessageBox.Icon.Information, "Details", message.text, parent=self)
            box.setDetailedText(message.details)
            box.open()
