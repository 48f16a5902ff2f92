"""The image canvas: napari's, embedded by its public widget class. See docs/decisions on why this one."""

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image
from napari.qt import QtViewer, get_qapp
from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QWidget

__all__ = ["Canvas"]


class Canvas:
    """A viewer model (layers, dims, camera) and the Qt widgets that show it."""

    def __init__(self) -> None:
        get_qapp()  # makes napari's icons known, whoever has started Qt
        self.model = ViewerModel(title="EMDiff")
        self.widget = QtViewer(self.model, show_welcome_screen=False)
        self.widget.setAcceptDrops(False)  # the window takes them, and opens them with our reader
        self.layers: Any = self.widget.layers
        self.layer_controls = _Scrolled(self.widget.controls)

    def warm_up(self) -> None:
        """Load what napari loads with its first image (its registry of units, for one), before there is one.

        Not in a thread: that registry is not made for two at once.
        """
        Image(np.zeros((4, 4)), scale=(1.0, 1.0), units=("um", "um"))

    @property
    def side_by_side(self) -> bool:
        """Whether every layer has a place of its own."""
        return bool(self._grid.enabled)

    def show_side_by_side(self, on: bool) -> None:
        self._grid.enabled = on

    @property
    def _grid(self) -> Any:
        return self.model.canvas.grid

    def close(self) -> None:
        """Let go of the layers and the graphics context."""
        self.model.layers.clear()
        self.widget.close()


class _Scrolled(QScrollArea):
    """As large as what is in it wants to be, and less high where the window has no room for that."""

    LEAST = 110

    def __init__(self, inside: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(inside)

    def _wide(self, hint: QSize) -> QSize:
        return QSize(hint.width() + self.verticalScrollBar().sizeHint().width(), hint.height())

    def sizeHint(self) -> QSize:
        return self._wide(self.widget().sizeHint())

    def minimumSizeHint(self) -> QSize:
        least = self._wide(self.widget().minimumSizeHint())
        return QSize(least.width(), min(least.height(), self.LEAST))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()  # each kind of layer has controls of its own
        return bool(super().eventFilter(watched, event))
