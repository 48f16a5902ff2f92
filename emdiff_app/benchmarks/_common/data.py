"""The real images that benchmarks measure on: where they are, and as arrays in [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app.errors import EMDiffError
from emdiff_app.images import open_stack

__all__ = ["cifar", "crops_of", "data_folder"]

EVERY = 10
"""One image in so many is kept unseen by training: all along the folder, whose order is often that of acquisition."""
BINNED = 2
"""Pixels that are averaged along each axis, for references cleaner than a camera's images."""


def data_folder(needed: Sequence[str], named: str | None = None) -> Path:
    """The folder of test images: the one that was named, or `../shared/data` beside the checkout."""
    data = Path(named) if named else Path(__file__).resolve().parents[4] / "shared" / "data"
    missing = [name for name in needed if not (data / name).is_dir()]
    if missing:
        raise EMDiffError(
            f"{data} does not hold the test images {', '.join(missing)}; nothing was measured. "
            "Name the folder that does as the last word of the command."
        )
    return data


def crops_of(folder: Path, side: int, count: int, *, unseen: bool, seed: int = 0) -> NDArray[Any]:
    """Random crops `(count, 1, side, side)` of single-channel images, each image stretched to its own range.

    Each pixel is the mean of 2 x 2 recorded ones.
    """
    files = sorted(path for path in folder.iterdir() if path.suffix in (".tif", ".png"))
    chosen = [path for n, path in enumerate(files) if (n % EVERY == 0) == unseen]
    rng = np.random.default_rng(seed)
    planes = []
    for path in chosen:
        with open_stack(path) as stack:
            plane = _binned(stack.plane(next(iter(stack.plane_indices()))).astype(np.float32))
        low, high = np.percentile(plane, [0.1, 99.9])
        if min(plane.shape) >= side and high > low:
            planes.append(np.clip((plane - low) / (high - low), 0, 1.2))
    crops: list[NDArray[Any]] = []
    while len(crops) < count:
        plane = planes[rng.integers(len(planes))]
        row, column = (int(rng.integers(n - side + 1)) for n in plane.shape)
        crop = plane[row : row + side, column : column + side]
        if crop.std() > 0.05 or rng.random() < 0.1:  # mostly where there is something to see
            crops.append(crop)
    return np.stack(crops)[:, None].astype(np.float32)


def _binned(plane: NDArray[Any]) -> NDArray[Any]:
    height, width = (n // BINNED for n in plane.shape)
    cells = plane[: height * BINNED, : width * BINNED].reshape(height, BINNED, width, BINNED)
    binned: NDArray[Any] = cells.mean((1, 3))
    return binned


def cifar(folder: Path, *, unseen: bool) -> NDArray[Any]:
    """The photos `(N, 3, 32, 32)`; the last 500 are kept unseen by training."""
    with np.load(folder / "cifar10_5000.npz", allow_pickle=False) as archive:
        images = archive["images"]
    part = images[-500:] if unseen else images[:-500]
    return np.moveaxis(part, -1, 1).astype(np.float32) / 255
