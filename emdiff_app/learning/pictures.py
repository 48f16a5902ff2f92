"""The previews of a run as one picture: recorded above restored above uncertainty, a column for each crop."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PREVIEW_ROWS", "preview_picture", "read_preview"]

PREVIEW_ROWS = ("recorded", "restored", "spread")
LIMIT = 64 << 20
MOST = 4
GAP = 3
ENLARGED_TO = 96
"""Smaller crops are enlarged to about this side, pixel by pixel."""


def read_preview(file: Path) -> dict[str, NDArray[Any]] | None:
    """The crops of a preview file, from anybody; None when it is not there (yet) or is no such file."""
    try:
        with zipfile.ZipFile(file) as members:  # by what they unpack to: a small zip can hold a huge one
            if sum(member.file_size for member in members.infolist()) > LIMIT:
                return None
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            found = {name: np.asarray(arrays[name], dtype=np.float32)[:MOST] for name in PREVIEW_ROWS}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    shapes = {a.shape for a in found.values()}
    return found if len(shapes) == 1 and all(a.ndim == 3 and a.size for a in found.values()) else None


def preview_picture(crops: dict[str, NDArray[Any]]) -> NDArray[np.uint8]:
    """Grey, `(rows, columns)`. What was recorded and restored share their black and white, to be compared."""
    limits = [np.nanpercentile(crop, (0.5, 99.8)) for crop in crops["recorded"]]
    top = float(np.nanpercentile(crops["spread"], 99.5))
    ranges = {name: [(0.0, top)] * len(limits) if name == "spread" else limits for name in PREVIEW_ROWS}
    height, width = crops["recorded"].shape[1:]
    times = max(1, round(ENLARGED_TO / max(height, width)))
    rows = [
        np.concatenate(
            [
                _tile(crop, pair[0], pair[1], times)
                for crop, pair in zip(crops[name], ranges[name], strict=True)
            ],
            axis=1,
        )
        for name in PREVIEW_ROWS
    ]
    return np.concatenate(rows)[:-GAP, :-GAP]


def _tile(crop: NDArray[Any], low: float, high: float, times: int) -> NDArray[np.uint8]:
    unit = np.nan_to_num((crop - low) / max(float(high) - float(low), 1e-9)).clip(0, 1)
    grey = (255 * unit).astype(np.uint8).repeat(times, 0).repeat(times, 1)
    return np.pad(grey, ((0, GAP), (0, GAP)), constant_values=128)
