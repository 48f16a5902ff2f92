"""The five steps as a dock of napari."""

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject
from qtpy.QtGui import QShowEvent

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

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        self.window().installEventFilter(self)  # once, however often it is said
        super().showEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """napari does not ask its docks before it closes."""
        if event.type() != QEvent.Type.Close or watched is not self.window():
            return False
        run = self.session.learning.run
        choice = part_from(self.session, self.ask, self)
        if choice is Leaving.CANCEL:
            event.ignore()
            return True
        wind_up(self.session, choice, run)
        return False
