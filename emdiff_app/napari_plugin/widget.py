"""The five steps as a dock of napari."""

from typing import TYPE_CHECKING

from emdiff_app.gui import Dock, LayersHost, Session

if TYPE_CHECKING:
    import napari

__all__ = ["EMDiffWidget"]


class EMDiffWidget(Dock):
    """Every dock has a session of its own, so two docks or two viewers share nothing."""

    def __init__(self, napari_viewer: "napari.viewer.Viewer") -> None:
        super().__init__(Session(LayersHost(napari_viewer)))
        self.setAccessibleName("EMDiff")
