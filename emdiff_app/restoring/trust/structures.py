"""Which structures of the samples the data support: those that come back in most of the samples.

The detail of an image is the difference of two Gaussian blurs, `d = G_1 x - G_3 x`. A structure of one sample is a
connected region in which |d| exceeds `STRONG` times its rms over all samples. It is present in another sample whose
mean d over the region has at least half the strength, with the same sign. A structure that is present in
fewer than half of the samples, its own included, is doubtful: it may as well have been dreamt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

__all__ = ["Structures", "find_structures"]

FINE, COARSE = 1.0, 3.0
"""In pixels: points, lines and edges are in between."""
STRONG = 2.0
LEAST = 3
"""A structure has at least so many pixels: fewer are noise."""


@dataclass(frozen=True)
class Structures:
    """`doubtful`: the share of the structures, by area, that fewer than half of the samples have.

    `map` (B, C, *spatial) is the share of samples with such a structure at each pixel, 0 to 1.
    """

    doubtful: float
    map: Tensor


def find_structures(samples: Tensor) -> Structures:
    """Look at samples (K, B, C, *spatial), K at least 2."""
    count = len(samples)
    detail = _detail(samples.detach().cpu().double().numpy())
    found = np.zeros(detail.shape[1:])
    areas = {True: 0, False: 0}
    limit = STRONG * float(np.sqrt(np.mean(detail**2)))
    for plane in np.ndindex(*detail.shape[1:-2]):
        stack = detail[(slice(None), *plane)]
        for own in stack if limit > 0 else ():
            for sign in (1, -1):
                labels, regions = ndimage.label(sign * own > limit)
                if not regions:
                    continue
                numbers = np.arange(1, regions + 1)
                strength = np.stack([ndimage.mean(sign * other, labels, numbers) for other in stack])
                present = strength >= ndimage.mean(sign * own, labels, numbers) / 2
                size = ndimage.sum_labels(np.ones_like(own), labels, numbers)
                real = size >= LEAST
                doubtful = real & (present.sum(0) < count / 2)
                areas[True] += int(size[doubtful].sum())
                areas[False] += int(size[real & ~doubtful].sum())
                found[plane] += np.isin(labels, numbers[doubtful]) / count
    share = areas[True] / max(areas[True] + areas[False], 1)
    return Structures(share, torch.from_numpy(found).to(samples.dtype))


def _detail(x: NDArray[Any]) -> NDArray[Any]:
    """`G_1 x - G_3 x` of each plane."""
    still = (0.0,) * (x.ndim - 2)
    fine, coarse = (ndimage.gaussian_filter(x, (*still, s, s), mode="nearest") for s in (FINE, COARSE))
    return np.asarray(fine - coarse)
