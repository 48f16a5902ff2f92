"""Arrays as pictures inside a page."""

from __future__ import annotations

import base64
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

__all__ = ["LARGEST", "grey_limits", "picture_uri", "shown"]

LARGEST = 256
"""Pictures of more pixels a side are averaged down: the page stays small and opens fast."""


def shown(image: NDArray[Any]) -> NDArray[np.float64]:
    """(C, Y, X) or (C, Z, Y, X) as (Y, X) or (Y, X, 3): the middle slice, colour where there are three channels."""
    plane = image[:, image.shape[1] // 2] if image.ndim == 4 else image
    flat = np.moveaxis(plane, 0, -1) if len(plane) == 3 else plane[0]
    factor = -(-max(flat.shape[:2]) // LARGEST)
    if factor > 1:
        rows, columns = (n // factor for n in flat.shape[:2])
        flat = flat[: rows * factor, : columns * factor]
        flat = flat.reshape(rows, factor, columns, factor, *flat.shape[2:]).mean((1, 3))
    return np.asarray(flat, np.float64)


def grey_limits(*images: NDArray[Any], low: float = 0.5, high: float = 99.7) -> tuple[float, float]:
    """One scale of grey for several pictures, so that they can be compared."""
    values = np.concatenate([image[np.isfinite(image)].ravel() for image in images])
    if not values.size:
        return 0.0, 1.0
    a, b = (float(v) for v in np.percentile(values, (low, high)))
    return a, b if b > a else a + 1.0


def picture_uri(picture: NDArray[np.float64], limits: tuple[float, float]) -> str:
    """A PNG, as an address that holds the picture itself; pixels that are not numbers are black."""
    low, high = limits
    grey = np.clip((np.nan_to_num(picture, nan=low) - low) / (high - low), 0, 1)
    png = bytes(imagecodecs.png_encode(np.ascontiguousarray((255 * grey + 0.5).astype(np.uint8))))
    return "data:image/png;base64," + base64.b64encode(png).decode()
