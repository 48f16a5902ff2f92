"""The menus of the window."""

from typing import TYPE_CHECKING, Any

from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QMenu

if TYPE_CHECKING:
    from .window import MainWindow

__all__ = ["fill_menus"]


def fill_menus(window: "MainWindow") -> None:
    """File and View; every entry does at once what it says."""
    file = window.menuBar().addMenu("&File")
    keys = QKeySequence.StandardKey
    _add(file, "&Open...", window.open_files, keys.Open)
    _add(file, "Open &run...", window.open_run)
    _add(file, "Try the &example", window.session.try_example)
    file.addSeparator()
    _add(file, "&Save selected image as...", window.save_image, keys.SaveAs)
    file.addSeparator()
    _add(file, "&Quit", window.close, keys.Quit)
    view = window.menuBar().addMenu("&View")
    for dock in window.docks:
        view.addAction(dock.toggleViewAction())
    _add(view, "&Fit the image", window.canvas.model.reset_view)


def _add(menu: QMenu, title: str, done: Any, keys: Any = None) -> None:
    action = menu.addAction(title)
    action.triggered.connect(lambda: done())
    if keys is not None:
        action.setShortcut(QKeySequence(keys))
