"""Small pictures of images, for lists."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtGui import QIcon, QImage, QPixmap

from emdiff_app.images import Stack

__all__ = ["SIDE", "as_qimage", "grey", "icon", "thumbnail"]

SIDE = 32


def thumbnail(stack: Stack, side: int = SIDE) -> NDArray[np.uint8]:
    """The plane in the middle, every so many pixels, from black to white; reads that plane alone."""
    plane = np.asarray(stack.plane(tuple(n // 2 for n in stack.shape[: len(stack.outer_axes)])))
    step = max(1, -(-max(plane.shape[:2]) // side))
    small = plane[::step, ::step].astype(np.float32)
    small = small.mean(-1) if small.ndim == 3 else small
    finite = small[np.isfinite(small)]
    return grey(small, *(np.percentile(finite, (1, 99.7)) if finite.size else (0.0, 1.0)))


def grey(plane: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Grey levels from `low` (black) to `high` (white); what is not finite is black."""
    unit = np.nan_to_num((plane - low) / max(float(high) - float(low), 1e-9), posinf=1.0, neginf=0.0)
    levels: NDArray[np.uint8] = (unit.clip(0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(levels)


def as_qimage(levels: NDArray[np.uint8]) -> QImage:
    """A Qt image of its own memory."""
    height, width = levels.shape
    return QImage(levels.tobytes(), width, height, width, QImage.Format.Format_Grayscale8).copy()


def icon(levels: NDArray[np.uint8]) -> QIcon:
    """The same picture when its row is selected: styles would tint it."""
    picture, made = QPixmap.fromImage(as_qimage(levels)), QIcon()
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
        made.addPixmap(picture, mode)
    return made
