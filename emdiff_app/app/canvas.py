"""The image canvas: napari's, embedded by its public widget class. See docs/decisions on why this one."""

import threading
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image
from napari.qt import QtViewer, get_qapp

__all__ = ["Canvas"]


class Canvas:
    """A viewer model (layers, dims, camera) and the Qt widgets that show it."""

    def __init__(self) -> None:
        get_qapp()  # makes napari's icons known, whoever has started Qt
        self.model = ViewerModel(title="EMDiff")
        self.widget = QtViewer(self.model, show_welcome_screen=False)
        self.widget.setAcceptDrops(False)  # the window takes them, and opens them with our reader
        self.layers: Any = self.widget.layers
        self.layer_controls: Any = self.widget.controls

    def warm_up(self) -> None:
        """Load what napari loads with its first image, in a thread, so that this image does not hold up the window."""
        threading.Thread(target=_first_image, name="emdiff warm-up", daemon=True).start()

    def close(self) -> None:
        """Let go of the layers and the graphics context."""
        self.model.layers.clear()
        self.widget.close()


def _first_image() -> None:
    Image(np.zeros((4, 4)), scale=(1.0, 1.0), units=("um", "um"))
