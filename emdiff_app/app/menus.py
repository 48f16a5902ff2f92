"""The menus of the window."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QMenu

if TYPE_CHECKING:
    from .window import MainWindow

__all__ = ["fill_menus", "fill_recent"]


def fill_menus(window: "MainWindow") -> None:
    """File, View and Help; every entry does at once what it says."""
    file = window.menuBar().addMenu("&File")
    keys = QKeySequence.StandardKey
    _add(file, "&Open...", window.open_files, keys.Open)
    window.recent = file.addMenu("Open re&cent")
    _add(file, "Open &run...", window.open_run)
    _add(file, "Try the &example", window.session.try_example)
    file.addSeparator()
    _add(file, "&Save selected image as...", window.save_image, keys.SaveAs)
    file.addSeparator()
    _add(file, "&Preferences...", window.show_preferences, keys.Preferences)
    _add(file, "&Quit", window.close, keys.Quit)
    view = window.menuBar().addMenu("&View")
    for dock in window.docks:
        view.addAction(dock.toggleViewAction())
    view.addSeparator()
    _add(view, "&Fit the image", window.canvas.model.reset_view)
    beside = view.addAction("Images &side by side")
    beside.setCheckable(True)
    beside.setShortcut(QKeySequence("Ctrl+G"))
    beside.toggled.connect(window.canvas.show_side_by_side)
    _add(view, "&Usual layout", window.lay_out)
    helping = window.menuBar().addMenu("&Help")
    _add(helping, "The five &steps", window.steps.header.show_help, keys.HelpContents)
    _add(helping, "&About EMDiff", window.show_about)


def fill_recent(window: "MainWindow", recent: tuple[str, ...]) -> None:
    """The files that were opened last, those that are still there."""
    window.recent.clear()
    for name in recent:
        path = Path(name)
        if path.exists():
            # A single & would mark a key.
            action = window.recent.addAction(f"{path.name.replace('&', '&&')}  ({path.parent})")
            action.triggered.connect(partial(_open, window, path))
    window.recent.setEnabled(not window.recent.isEmpty())


def _open(window: "MainWindow", path: Path, _: bool = False) -> None:
    window.open_paths([path])


def _add(menu: QMenu, title: str, done: Any, keys: Any = None) -> None:
    action = menu.addAction(title)
    action.triggered.connect(lambda: done())
    if keys is not None:
        action.setShortcut(QKeySequence(keys))
