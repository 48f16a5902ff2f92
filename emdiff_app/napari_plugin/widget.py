"""The five steps as a dock of napari."""

from pathlib import Path
from typing import TYPE_CHECKING

from emdiff_app.gui import Dock, LayersHost, Session
from emdiff_app.gui.runs import default_runs

from .preferences import preference

if TYPE_CHECKING:
    import napari

__all__ = ["EMDiffWidget"]


class EMDiffWidget(Dock):
    """Every dock has a session of its own, so two docks or two viewers share nothing."""

    def __init__(self, napari_viewer: "napari.viewer.Viewer") -> None:
        folder = preference("runs_folder", "")
        session = Session(LayersHost(napari_viewer), Path(folder) if folder else default_runs())
        session.device = preference("device", "auto")
        super().__init__(session, preference("offer_unfinished", True))
        self.setAccessibleName("EMDiff")
