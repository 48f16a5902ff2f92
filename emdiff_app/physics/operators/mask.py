"""Masks: pixels that were not recorded."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .base import LinearOperator, Shape

__all__ = ["Mask", "line_mask", "random_mask"]


class Mask(LinearOperator):
    """`y = m x` with m = 1 where a pixel was recorded and 0 elsewhere; one mask, or one per image.

    What stands in y at unrecorded pixels never matters, not even NaN.
    """

    sharp = disjoint = True

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask.bool() if mask.ndim > 3 else mask.bool()[(None,) * 2]
        self.domain = self.field = tuple(self.mask.shape[2:])
        self._nearest: Tensor | None = None

    def apply(self, x: Tensor) -> Tensor:
        return torch.where(self.mask, x, 0.0)

    def adjoint(self, y: Tensor) -> Tensor:
        return torch.where(self.mask, y, 0.0)

    def outer(self, y: Tensor) -> Tensor:
        return self.apply(y)

    def squared(self, r: Tensor) -> Tensor:
        return self.apply(r)

    def initial(self, y: Tensor) -> Tensor:
        """Each missing pixel takes the value of the nearest recorded one."""
        if self._nearest is None:
            self._nearest = _nearest_observed(self.mask)
        index = self._nearest.expand(*y.shape[:2], -1)
        return y.flatten(2).gather(2, index).reshape(y.shape)

    def window(self, window: tuple[slice, ...]) -> tuple[slice, ...]:
        return window

    @property
    def observed(self) -> Tensor:
        return self.mask


def random_mask(field: Shape, missing: float, seed: int) -> NDArray[np.bool_]:
    """Each pixel is missing with the probability `missing`, independently."""
    return np.random.default_rng(seed).random(field) >= missing


def line_mask(field: Shape, step: int, start: int, axis: int) -> NDArray[np.bool_]:
    """Only every `step`-th line across `axis` was recorded, beginning with `start`."""
    lines = np.zeros(field, bool)
    lines[
        tuple(slice(start, None, step) if a == axis % len(field) else slice(None) for a in range(len(field)))
    ] = True
    return lines


def _nearest_observed(mask: Tensor) -> Tensor:
    """For every pixel the flat number of the nearest recorded one (its own where none is)."""
    from scipy import ndimage

    images = mask.cpu().numpy()
    spatial = images.shape[2:]
    flat = np.empty((*images.shape[:2], int(np.prod(spatial))), np.int64)
    for at in np.ndindex(*images.shape[:2]):
        if images[at].any():
            nearest = ndimage.distance_transform_edt(~images[at], return_distances=False, return_indices=True)
            flat[at] = np.ravel_multi_index(tuple(nearest), spatial).ravel()
        else:
            flat[at] = np.arange(flat.shape[-1])
    return torch.from_numpy(flat).to(mask.device)
