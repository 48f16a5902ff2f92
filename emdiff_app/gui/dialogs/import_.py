"""What a prior from somebody else says of itself, before it is used."""

from qtpy.QtCore import Qt
from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLabel, QVBoxLayout, QWidget

from emdiff_app.gui.panels.section import named, plain, text
from emdiff_app.gui.prior_card import PriorFile

__all__ = ["ImportDialog"]

PICTURE = 400
WIDTH = 480


class ImportDialog(QDialog):
    """The card and the picture of a prior; accepted when it shall be used."""

    def __init__(self, file: PriorFile, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Use this prior?")
        self.setAccessibleName("Use this prior?")
        layout = QVBoxLayout(self)
        if file.preview is not None:
            picture = QPixmap()
            if picture.loadFromData(file.preview):
                label = named(QLabel(), "Pictures of what the prior does")
                label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
                size = picture.size().boundedTo(
                    picture.size().scaled(PICTURE, PICTURE, Qt.AspectRatioMode.KeepAspectRatio)
                )
                label.setPixmap(picture.scaled(size, Qt.AspectRatioMode.KeepAspectRatio))
                layout.addWidget(label)
        rows = QFormLayout()
        for title, words in file.lines():
            shown = text(words, title)
            # The words are a stranger's: they are text, and nothing else.
            shown.setTextFormat(Qt.TextFormat.PlainText)
            rows.addRow(title, shown)
        layout.addLayout(rows)
        kinds = QDialogButtonBox.StandardButton
        buttons = plain(QDialogButtonBox(kinds.Ok | kinds.Cancel))
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        named(buttons.button(kinds.Ok), "Use this prior").setText("Use this prior")
        named(buttons.button(kinds.Cancel), "Leave the prior as it was")
        layout.addWidget(buttons)
        self.resize(WIDTH, layout.totalHeightForWidth(WIDTH))
