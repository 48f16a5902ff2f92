"""What one window remembers and puts back: recent files, places of its docks, preferences."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QByteArray

from emdiff_app.gui.runs import default_runs

from .menus import fill_recent
from .preferences import PreferencesDialog
from .settings import Settings, SettingsFile

if TYPE_CHECKING:
    from .window import MainWindow

__all__ = ["Memory"]

LAYOUT = 1  # a higher number forgets layouts of docks that are no more


class Memory:
    """Reads the settings when the window is made, and writes them when something changes."""

    def __init__(self, window: "MainWindow", file: SettingsFile) -> None:
        self.window, self.file = window, file
        self.settings = file.read()

    def runs_folder(self) -> Path:
        return Path(self.settings.runs_folder) if self.settings.runs_folder else default_runs()

    def restore(self) -> None:
        """Put back what was remembered; Qt refuses what it cannot use."""
        window, settings = self.window, self.settings
        window.restoreGeometry(_bytes(settings.geometry))
        window.restoreState(_bytes(settings.layout), LAYOUT)
        window.session.device = settings.device
        fill_recent(window, settings.recent)

    def keep_layout(self) -> None:
        geometry, layout = self.window.saveGeometry(), self.window.saveState(LAYOUT)
        self._keep(replace(self.settings, geometry=_words(geometry), layout=_words(layout)))

    def keep_opened(self, paths: tuple[Path, ...]) -> None:
        settings = self.settings
        for path in paths:
            settings = settings.opened(path)
        self._keep(settings)
        fill_recent(self.window, settings.recent)

    def ask_preferences(self) -> None:
        window = self.window
        dialog = PreferencesDialog(self.settings, window.session.runs_folder, window.host, window)

        def use() -> None:
            self._keep(dialog.settings())
            window.session.device = self.settings.device
            window.session.runs_folder = self.runs_folder()

        dialog.accepted.connect(use)
        dialog.open()

    def _keep(self, settings: Settings) -> None:
        self.settings = settings
        self.file.write(settings)


def _bytes(words: str) -> QByteArray:
    return QByteArray.fromBase64(words.encode("ascii", "replace"))


def _words(data: QByteArray) -> str:
    return bytes(data.toBase64().data()).decode()
