"""The standalone window: canvas in the middle, steps on the right, curves and previews below."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.qt import get_current_stylesheet
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QDockWidget, QMainWindow, QMessageBox, QWidget

from emdiff_app import __version__
from emdiff_app.gui import LayersHost, Session, Steps
from emdiff_app.gui.drops import dropped_paths
from emdiff_app.gui.host import IMAGE_KINDS
from emdiff_app.gui.jobs import LearningStatus
from emdiff_app.gui.leaving import Ask, Leaving, ask_leaving, part_from, wind_up

from .canvas import Canvas
from .memory import Memory
from .menus import fill_menus
from .settings import SettingsFile

if TYPE_CHECKING:
    from emdiff_app.gui import Views

__all__ = ["MainWindow"]

_LEFT_AND_BELOW = (Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.BottomDockWidgetArea)
SAVED = "OME-TIFF (*.ome.tif);;TIFF (*.tif);;PNG (*.png)"


class MainWindow(QMainWindow):
    """`ask` decides what happens to a learning when the window closes; tests bring their own."""

    def __init__(
        self,
        runs_folder: Path | None = None,
        ask: Ask = ask_leaving,
        settings: SettingsFile | None = None,
    ) -> None:
        super().__init__()
        self.setWindowTitle("EMDiff")
        self.setAcceptDrops(True)
        self._ask = ask
        self.canvas = Canvas()
        self.recent: Any = None  # the menu of recent files
        self.host = LayersHost(self.canvas.model, self)
        self.memory = Memory(self, settings or SettingsFile())
        self.session = Session(self.host, runs_folder or self.memory.runs_folder())
        # napari's widgets carry their icons in its style sheet; one style for all of the window.
        self.setStyleSheet(get_current_stylesheet())
        self.steps = Steps(self.session, self.memory.settings.offer_unfinished)
        self.views: Views | None = None
        self.setCentralWidget(self.canvas.widget)
        self.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        left, right, below = (
            Qt.DockWidgetArea.LeftDockWidgetArea,
            Qt.DockWidgetArea.RightDockWidgetArea,
            Qt.DockWidgetArea.BottomDockWidgetArea,
        )
        self.docks = [
            self._dock("Steps", self.steps, right),
            self._dock("Layer controls", self.canvas.layer_controls, left),
            self._dock("Layers", self.canvas.layers, left),
            self._dock("Progress", QWidget(), below),
        ]
        self.docks[-1].visibilityChanged.connect(self._progress_seen)
        self.session.events.learning.connect(self._show_progress)
        fill_menus(self)
        self.statusBar()
        self.canvas.model.events.status.connect(self._show_status)
        self.resize(1280, 720)
        self.lay_out()
        self.memory.restore()
        self.docks[-1].hide()  # until there is a run to look at
        self.session.events.opened.connect(self.memory.keep_opened)
        QTimer.singleShot(200, self.canvas.warm_up)  # when the window is there

    def _dock(self, title: str, widget: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title, self)
        dock.setObjectName(title)
        dock.setWidget(widget)
        dock.setAccessibleName(title)
        self.addDockWidget(area, dock)
        return dock

    def _show_progress(self, new: LearningStatus, old: LearningStatus) -> None:
        """Once for each run; who closes the dock during a run is not asked again."""
        if new.run != old.run and not self.docks[-1].isVisible():
            self._make_views()
            self.docks[-1].show()
            QTimer.singleShot(0, self.canvas.model.reset_view)  # the canvas has become smaller

    def _progress_seen(self, shown: bool) -> None:
        if shown:
            self._make_views()

    def _make_views(self) -> None:
        """Plots are loaded when there is something to plot, so that the window opens the sooner."""
        if self.views is None:
            from emdiff_app.gui import Views

            self.views = Views(self.session)
            self.docks[-1].setWidget(self.views)

    def _show_status(self) -> None:
        status = self.canvas.model.status
        if isinstance(status, str):
            self.statusBar().showMessage(status)
        else:
            self.statusBar().showMessage(f"{status.get('layer_name', '')} {status.get('value', '')}".strip())

    def lay_out(self) -> None:
        """Everything where it was at first."""
        right, left, below = Qt.DockWidgetArea.RightDockWidgetArea, *_LEFT_AND_BELOW
        for dock, area in zip(self.docks, (right, left, left, below), strict=True):
            dock.setFloating(False)
            self.addDockWidget(area, dock)
            dock.show()
        self.resizeDocks(self.docks[:2], [380, 210], Qt.Orientation.Horizontal)
        self.resizeDocks([self.docks[3]], [230], Qt.Orientation.Vertical)
        self.resizeDocks(self.docks[1:3], [290, 150], Qt.Orientation.Vertical)

    # verbs of the menus ----------------------------------------------------------------------

    def open_paths(self, paths: Sequence[Path]) -> None:
        self.session.open_files(list(paths))

    def open_files(self) -> None:
        self.open_paths(self.host.ask_files("Open images", IMAGE_KINDS))

    def open_run(self) -> None:
        folder = self.host.ask_folder("Open a run folder")
        if folder is not None:
            self.session.open_run(folder)

    def show_preferences(self) -> None:
        self.memory.ask_preferences()

    def show_about(self) -> None:
        about = f"EMDiff {__version__}\n\nLearns what clean images look like from corrupted ones alone."
        QMessageBox(QMessageBox.Icon.NoIcon, "About EMDiff", about, parent=self).open()

    def save_image(self) -> None:
        """Write the layer that is selected in the list, with its pixel size and axes."""
        layer = self.canvas.model.layers.selection.active
        image = self.session.image(str(id(layer)))
        if image is None:
            self.session.tell(
                "No image is selected, so nothing was saved; select one under Layers.", "warning"
            )
            return
        path = self.host.ask_new_file("Save the image", f"{image.name}.ome.tif", SAVED)
        if path is not None:
            self.session.save_image(image.key, path)

    # events ----------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_paths(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        self.open_paths(dropped_paths(event.mimeData()))
        event.acceptProposedAction()

    def closeEvent(self, event: QCloseEvent) -> None:
        choice = part_from(self.session, self._ask, self)
        if choice is Leaving.CANCEL:
            event.ignore()
            return
        self.memory.keep_layout()
        self.steps.stop()
        wind_up(self.session, choice)
        self.canvas.close()
        super().closeEvent(event)
