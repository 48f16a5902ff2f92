"""What one 8x8 block of pixels says about the noise: its mean, its finest detail, its texture.

For white noise the coefficients of an orthonormal block cosine transform are uncorrelated and each has the
variance of the noise, averaged over the block. Optics pass no detail at the finest diagonal frequencies, so
those measure the noise; the middle ones tell, independently of that measurement, whether a block holds
structure sharp enough to reach the finest. Because the variance is linear in the level, the average over a
block is right whatever the block contains.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLOCK", "Blocks", "measure_blocks"]

BLOCK = 8
FINEST = 10
"""Coefficients with `u + v >= FINEST` (15 of 64) measure the noise in a single image."""
MIDDLE = (5, 8)
"""Coefficients with `u + v` in this range (both > 0) measure the texture."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Blocks:
    """Per block: mean level, noise variance and texture, and the shares of pixels at the ends of the data.

    `degrees` and `texture_degrees` are the numbers of coefficients behind variance and texture.
    """

    level: Floats
    variance: Floats
    texture: Floats
    at_floor: Floats
    at_ceiling: Floats
    degrees: int
    texture_degrees: int
    independent: float = 1.0
    """How many independent blocks one of these is worth; below 1 where blocks overlap."""

    def __len__(self) -> int:
        return len(self.level)

    @property
    def alive(self) -> NDArray[np.bool_]:
        """The blocks whose pixels are not all the same, up to rounding."""
        return self.variance + self.texture > 1e-20 * np.maximum(self.level**2, 1e-30)

    def where(self, keep: NDArray[np.bool_]) -> "Blocks":
        """The blocks that `keep` marks."""
        return Blocks(
            self.level[keep],
            self.variance[keep],
            self.texture[keep],
            self.at_floor[keep],
            self.at_ceiling[keep],
            self.degrees,
            self.texture_degrees,
            self.independent,
        )

    @classmethod
    def join(cls, parts: list["Blocks"]) -> "Blocks":
        """Blocks of several images, measured the same way, as one."""
        return cls(
            np.concatenate([p.level for p in parts]),
            np.concatenate([p.variance for p in parts]),
            np.concatenate([p.texture for p in parts]),
            np.concatenate([p.at_floor for p in parts]),
            np.concatenate([p.at_ceiling for p in parts]),
            parts[0].degrees,
            parts[0].texture_degrees,
            float(np.mean([p.independent for p in parts])),
        )


def measure_blocks(
    plane: NDArray[Any],
    repeat: NDArray[Any] | None = None,
    *,
    stride: int = BLOCK,
    floor: float = -np.inf,
    ceiling: float = np.inf,
) -> Blocks:
    """Measure the blocks of one plane; blocks with pixels that are not finite are left out.

    With `repeat`, a second exposure of the same scene, the difference `(plane - repeat) / sqrt(2)` has the
    noise and none of the scene, so that all but the coarsest coefficients measure it.
    """
    first = _cut(plane, stride)
    pixels = first if repeat is None else np.concatenate([first, _cut(repeat, stride)], axis=1)
    good = np.isfinite(pixels).all(axis=1)
    pixels = pixels[good]
    fine, middle = _bases(repeat is not None)
    # The variance is that of the pixels as the coefficients weigh them, and so must the level be.
    weight = (fine**2).mean(axis=1)
    level = pixels.reshape(len(pixels), pixels.shape[1] // BLOCK**2, BLOCK**2).mean(axis=1) @ weight
    detail = first[good] - level[:, None]
    if repeat is not None:
        detail = (pixels[:, : BLOCK**2] - pixels[:, BLOCK**2 :]) / np.sqrt(2)
    return Blocks(
        level=level,
        variance=((detail @ fine) ** 2).mean(axis=1),
        texture=((detail @ middle) ** 2).mean(axis=1),
        at_floor=(pixels <= floor).mean(axis=1),
        at_ceiling=(pixels >= ceiling).mean(axis=1),
        degrees=fine.shape[1],
        texture_degrees=middle.shape[1],
        independent=min(1.0, 1.5 * (stride / BLOCK) ** 2),
    )


def _cut(plane: NDArray[Any], stride: int) -> Floats:
    """The blocks as rows of 64 pixels."""
    if min(plane.shape) < BLOCK:
        return np.empty((0, BLOCK**2))
    windows = np.lib.stride_tricks.sliding_window_view(plane, (BLOCK, BLOCK))[::stride, ::stride]
    return windows.reshape(-1, BLOCK**2).astype(np.float64)


@cache
def _bases(repeated: bool) -> tuple[Floats, Floats]:
    """The cosine functions that measure noise and those that measure texture, as columns."""
    k = np.arange(BLOCK)
    wave = np.sqrt(2 / BLOCK) * np.cos(np.pi * k[:, None] * (2 * k + 1) / (2 * BLOCK))
    wave[0] = np.sqrt(1 / BLOCK)
    columns = np.einsum("ui,vj->uvij", wave, wave).reshape(BLOCK, BLOCK, -1)
    u, v = np.meshgrid(k, k, indexing="ij")
    if repeated:
        fine, middle = u + v >= MIDDLE[0], (u + v > 0) & (u + v < MIDDLE[0])
    else:
        fine = u + v >= FINEST
        middle = (u + v >= MIDDLE[0]) & (u + v <= MIDDLE[1])
    return columns[fine].T.copy(), columns[middle].T.copy()
