"""The five steps as a dock of napari."""

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QApplication, QMainWindow

from emdiff_app.gui import Dock, LayersHost, Session
from emdiff_app.gui.leaving import Ask, Leaving, ask_leaving, part_from, wind_up
from emdiff_app.gui.runs import default_runs

from .preferences import preference

if TYPE_CHECKING:
    import napari

__all__ = ["EMDiffWidget"]


class EMDiffWidget(Dock):
    """Every dock has a session of its own, so two docks or two viewers share nothing.

    `ask` decides what happens to a learning when napari closes; tests bring their own.
    """

    ask: Ask = staticmethod(ask_leaving)

    def __init__(self, napari_viewer: "napari.viewer.Viewer") -> None:
        folder = preference("runs_folder", "")
        session = Session(LayersHost(napari_viewer), Path(folder) if folder else default_runs())
        session.device = preference("device", "auto")
        super().__init__(session, preference("offer_unfinished", True))
        self.setAccessibleName("EMDiff")
        self._choice: Leaving | None = None  # what was answered, until the window has gone or stays after all

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        if (window := self._main_window()) is not None:
            window.installEventFilter(self)  # once, however often it is said
        super().showEvent(event)

    def _main_window(self) -> QMainWindow | None:
        """napari's own, also while the dock floats and is a window by itself."""
        widget = self.parentWidget()
        while widget is not None and not isinstance(widget, QMainWindow):
            widget = widget.parentWidget()
        return widget

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """napari does not ask its docks before it closes, and may itself ask after we have."""
        if watched is not self._main_window():
            return False
        if event.type() == QEvent.Type.Close:
            self._choice = part_from(self.session, self.ask, self, results=False)
            if self._choice is Leaving.CANCEL:
                self._choice = None
                event.ignore()
                return True
            QTimer.singleShot(0, self._look_whether_closed)
        elif event.type() == QEvent.Type.Hide and not event.spontaneous():
            self._closed()
        return False

    def _closed(self) -> None:
        """Only now is it certain, so only now is anything stopped or deleted."""
        choice, self._choice = self._choice, None
        if choice is not None:
            self.steps.stop()
            wind_up(self.session, choice)

    def _look_whether_closed(self) -> None:
        """An answer is forgotten when napari stays after all."""
        if QApplication.activeModalWidget() is not None:  # it is still asking
            QTimer.singleShot(100, self._look_whether_closed)
        else:
            self._choice = None
