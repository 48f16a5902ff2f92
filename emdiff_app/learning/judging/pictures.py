"""The previews of a run as one picture: recorded above restored above uncertainty, a column for each crop."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PREVIEW_ROWS", "preview_picture", "read_preview"]

PREVIEW_ROWS = ("recorded", "restored", "spread")
MORE_ROWS = ("residual",)
LIMIT = 64 << 20
MOST = 4
GAP = 3
SMALLEST = 96
"""Tiles are of at least so many pixels a side."""


def read_preview(file: Path) -> dict[str, NDArray[Any]] | None:
    """The crops of a preview file, from anybody; None when it is not there (yet) or is no such file."""
    try:
        with zipfile.ZipFile(file) as members:  # by what they unpack to: a small zip can hold a huge one
            if sum(member.file_size for member in members.infolist()) > LIMIT:
                return None
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            names = [*PREVIEW_ROWS, *(name for name in MORE_ROWS if name in arrays.files)]
            found = {name: np.asarray(arrays[name], dtype=np.float32)[:MOST] for name in names}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    return found if all(a.ndim == 3 and a.size for a in found.values()) else None


def preview_picture(crops: dict[str, NDArray[Any]]) -> NDArray[np.uint8]:
    """Grey, `(rows, columns)`. What was recorded and restored share their black and white, to be compared."""
    limits = [np.nanpercentile(crop, (0.5, 99.8)) for crop in crops["recorded"]]
    top = float(np.nanpercentile(crops["spread"], 99.5))
    side = max(SMALLEST, *(n for name in PREVIEW_ROWS for n in crops[name].shape[1:]))
    rows = []
    for name in PREVIEW_ROWS:
        ranges = [(0.0, top)] * len(limits) if name == "spread" else limits
        tiles = [_tile(crop, low, high, side) for crop, (low, high) in zip(crops[name], ranges, strict=False)]
        rows.append(np.concatenate(tiles, axis=1))
    return np.concatenate(rows)[:-GAP, :-GAP]


def _tile(crop: NDArray[Any], low: float, high: float, side: int) -> NDArray[np.uint8]:
    """A crop of few pixels is enlarged pixel by pixel: where resolution is learned, they are fewer."""
    unit = np.nan_to_num((crop - low) / max(float(high) - float(low), 1e-9)).clip(0, 1)
    rows, columns = (np.arange(side) * n // side for n in crop.shape)
    grey = (255 * unit[np.ix_(rows, columns)]).astype(np.uint8)
    return np.pad(grey, ((0, GAP), (0, GAP)), constant_values=128)
