"""The two questions before a prior is given away: what it is of, and what others may do with it."""

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QFormLayout, QLineEdit, QVBoxLayout, QWidget

from emdiff_app.gui.panels.section import named, plain, text

__all__ = ["ExportDialog"]

LICENCES = ("CC-BY-4.0", "CC0-1.0", "Ask me first")


class ExportDialog(QDialog):
    """`words()` go onto the card; both may stay as they are."""

    def __init__(self, name: str, licence: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Export the prior")
        self.setAccessibleName("Export the prior")
        self.name = named(
            QLineEdit(name), "Name of the prior", "What the images show and how they were recorded."
        )
        self.name.setPlaceholderText("Microtubules, 60x 1.4 oil, EMCCD")
        self.name.setMaxLength(400)
        self.licence = named(QComboBox(), "Licence of the prior", "What others may do with it.")
        self.licence.addItems(LICENCES)
        self.licence.setEditable(True)
        self.licence.setCurrentText(licence or LICENCES[0])
        rows = QFormLayout()
        rows.addRow("What is it of?", self.name)
        rows.addRow("What may others do with it?", self.licence)
        kinds = QDialogButtonBox.StandardButton
        buttons = plain(QDialogButtonBox(kinds.Save | kinds.Cancel))
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        named(buttons.button(kinds.Save), "Choose where to save the prior").setText("Choose a file...")
        named(buttons.button(kinds.Cancel), "Export nothing")
        layout = QVBoxLayout(self)
        layout.addWidget(
            text(
                "The file holds the network, this card and the imaging model; of your images it holds the names."
            )
        )
        layout.addLayout(rows)
        layout.addWidget(buttons)
        self.resize(430, 160)

    def words(self) -> dict[str, str]:
        return {"name": self.name.text().strip(), "licence": self.licence.currentText().strip()}
