"""What a recorded image shows by itself, before anything is restored: clipping, compression, emptiness."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import dctn
from torch import Tensor
from torch.nn.functional import avg_pool2d

from emdiff_app.physics import Imaging

__all__ = ["below_offset", "block_ratio", "planes_of", "saturated_share", "signal_ratio"]

BLOCK = 8
POOL = 4
FEWEST = 8
"""So many pixels of one value are no chance."""
PILED = 4.0
"""The highest value holds this many times as many pixels as those just below it."""


def planes_of(images: Tensor) -> Tensor:
    """(B, C, [Z,] Y, X) as planes (N, 1, Y, X)."""
    return images.reshape(-1, 1, *images.shape[-2:])


def saturated_share(y: Tensor, seen: Tensor) -> float:
    """The share of pixels at the highest value, where far more pixels have it than the values just below.

    Counts fall off towards the brightest; a detector that is full, or a stretch that cut the brightest off,
    leaves a pile.
    """
    values, counts = torch.unique(y[seen.expand_as(y)], return_counts=True)
    if len(values) < 3:
        return 0.0
    pile, below = int(counts[-1]), counts[-6:-1].cpu().double().mean()
    if pile < FEWEST or pile < PILED * float(below):
        return 0.0
    return pile / float(counts.sum())


def below_offset(imaging: Imaging, y: Tensor, seen: Tensor) -> float:
    """The share of pixels more than six read-noise deviations below the offset, where light adds and never takes."""
    noise = imaging.noise
    if not bool((torch.as_tensor(noise.gain) > 0).any()):
        return 0.0
    gain, read = (torch.as_tensor(v, dtype=y.dtype) for v in (noise.gain, noise.read_noise))
    low = torch.as_tensor(noise.offset, dtype=y.dtype) - 6 * read - 1e-3 * gain
    share = (seen & (y < low)).sum() / seen.expand_as(y).sum().clamp_min(1)
    return float(share)


def signal_ratio(y: Tensor, variance: Tensor, seen: Tensor) -> float:
    """`Var[mean of 4 x 4 pixels] / (mean variance of the noise / 16)` over each image: 1 where there is noise alone."""
    seen = seen.expand_as(y)
    if min(y.shape[-2:]) < 4 * POOL:
        return float("inf")
    weight = planes_of(seen.to(y.dtype))
    count = avg_pool2d(weight, POOL, divisor_override=1)
    filled = planes_of(torch.where(seen, y, 0.0))
    means = avg_pool2d(filled, POOL, divisor_override=1) / count.clamp_min(1)
    noise = avg_pool2d(planes_of(variance.expand_as(y)) * weight, POOL, divisor_override=1)
    noise = noise / count.clamp_min(1).square()
    some = count > 0
    total = some.flatten(1).sum(1).clamp_min(1)
    centre = torch.where(some, means, 0.0).flatten(1).sum(1) / total
    off = torch.where(some, means - centre.reshape(-1, 1, 1, 1), 0.0).square().sum()
    return float(off / noise[some].sum().clamp_min(torch.finfo(y.dtype).tiny))


def block_ratio(y: Tensor, seen: Tensor) -> float:
    """JPEG rounds the finest detail of 8 x 8 blocks away: the detail in blocks of one grid beside that in others.

    Of the 64 places that the grid may have, the least detail over the median of all. About 1 where nobody
    rounded anything.
    """
    if not bool(seen.all()) or min(y.shape[-2:]) < 4 * BLOCK:
        return 1.0
    ratios = []
    for plane in planes_of(y).cpu().double().numpy()[:, 0]:
        detail = np.array([_finest(plane[i:, j:]) for i in range(BLOCK) for j in range(BLOCK)])
        middle = float(np.median(detail))
        ratios.append(float(detail.min()) / middle if middle > 0 else 1.0)
    return float(np.median(ratios))


def _finest(plane: NDArray[Any]) -> float:
    """The median size of the upper half of the frequencies of the blocks of a grid: 0 where most were rounded away."""
    rows, columns = (n // BLOCK for n in plane.shape)
    blocks = plane[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2)
    size = np.abs(dctn(blocks, axes=(2, 3), norm="ortho"))
    return float(np.median(size[..., np.add.outer(np.arange(BLOCK), np.arange(BLOCK)) >= BLOCK]))
