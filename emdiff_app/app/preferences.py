"""The few things that a user may want to have otherwise, for good."""

from dataclasses import replace
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QDialog, QDialogButtonBox, QFormLayout, QVBoxLayout, QWidget

from emdiff_app.gui import Host
from emdiff_app.gui.panels.section import button, line, named, plain, text

from .settings import Settings

__all__ = ["PreferencesDialog"]

DEVICES = {"auto": "The best there is", "cpu": "CPU", "cuda": "NVIDIA GPU", "mps": "Apple GPU"}


class PreferencesDialog(QDialog):
    """`settings()` is what was chosen."""

    def __init__(
        self, settings: Settings, runs_folder: Path, host: Host, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Preferences")
        self.setAccessibleName("Preferences")
        self._settings, self._host = settings, host
        self.folder = text(str(runs_folder), "Folder for runs")
        self.folder.setToolTip(str(runs_folder))
        choose = button("Choose...", self._choose, "Where new runs go.", "Choose the folder for runs")
        place = QWidget()
        place.setLayout(line(self.folder, choose, stretch=False))
        place.layout().setContentsMargins(0, 0, 0, 0)
        place.layout().setStretch(0, 1)
        self.device = named(QComboBox(), "Compute on by default")
        for value, title in DEVICES.items():
            self.device.addItem(title, value)
        self.device.setCurrentIndex(max(self.device.findData(settings.device), 0))
        self.offer = named(
            QCheckBox("Offer unfinished runs at the start"), "Offer unfinished runs at the start"
        )
        self.offer.setChecked(settings.offer_unfinished)
        rows = QFormLayout()
        rows.addRow("Runs go to", place)
        rows.addRow("Compute on", self.device)
        rows.addRow("", self.offer)
        kinds = QDialogButtonBox.StandardButton
        buttons = plain(QDialogButtonBox(kinds.Ok | kinds.Cancel))
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        named(buttons.button(kinds.Ok), "Keep these preferences")
        named(buttons.button(kinds.Cancel), "Leave the preferences as they were")
        layout = QVBoxLayout(self)
        layout.addLayout(rows)
        layout.addWidget(buttons)
        self.resize(480, 180)

    def settings(self) -> Settings:
        return replace(
            self._settings, device=self.device.currentData(), offer_unfinished=self.offer.isChecked()
        )

    def _choose(self) -> None:
        folder = self._host.ask_folder("The folder for runs")
        if folder is not None:
            self._settings = replace(self._settings, runs_folder=str(folder))
            self.folder.setText(str(folder))
