"""Entries of napari's menus that open the panel and do one thing in it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .widget import EMDiffWidget

__all__ = ["import_prior", "measure_noise", "open_run"]

DOCK = "Learn and restore (EMDiff)"
"""What napari's own menu calls the dock, so that the menu and these commands mean the same one."""


def measure_noise() -> None:
    """The noise of the images, with the fitted curve."""
    panel = _panel()
    panel.session.estimate()
    panel.steps.model.noise.fit.setChecked(True)


def open_run() -> None:
    panel = _panel()
    folder = panel.session.host.ask_folder("Open a run folder")
    if folder is not None:
        panel.session.open_run(folder)


def import_prior() -> None:
    _panel().steps.share.ask_prior()


def _panel() -> "EMDiffWidget":
    """The panel of the viewer that is in front; it is opened if it is not there yet."""
    import napari

    from .widget import EMDiffWidget

    viewer = napari.current_viewer()
    for panel in viewer.window.dock_widgets.values():
        if isinstance(panel, EMDiffWidget):
            dock = panel.parentWidget()
            dock.show()
            dock.raise_()
            return panel
    panel = EMDiffWidget(viewer)
    viewer.window.add_dock_widget(panel, name=DOCK)
    return panel
