"""Gaussian blurs of recorded images, over the pixels that were recorded."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from emdiff_app.physics import Imaging

__all__ = ["blurred", "noise_at"]

SMOOTH = 2.0
"""The light at a pixel, for the size of its noise, is that of an average this wide."""
LEAST = 1e-6


def blurred(y: Tensor, seen: Tensor, sigma: float) -> Tensor:
    """`G (w y) / G w`, plane by plane, w being 1 where y was recorded."""
    shape = y.shape
    weight = seen.to(y.dtype).reshape(-1, 1, *shape[-2:])
    values = torch.where(seen, y, 0.0).reshape(-1, 1, *shape[-2:])
    smooth = _gaussian(values, sigma) / _gaussian(weight, sigma).clamp_min(LEAST)
    return smooth.reshape(shape)


def noise_at(imaging: Imaging, y: Tensor, seen: Tensor) -> Tensor:
    """The variance of the noise at the light that a smooth image of y shows, in the shape of y."""
    level = blurred(y, seen, SMOOTH)
    variance = torch.as_tensor(imaging.noise.variance(level, 0.0), dtype=y.dtype, device=y.device)
    return variance.expand(y.shape).clamp_min(torch.finfo(y.dtype).tiny)


def _gaussian(planes: Tensor, sigma: float) -> Tensor:
    radius = max(1, math.ceil(3 * sigma))
    at = torch.arange(-radius, radius + 1, dtype=planes.dtype, device=planes.device)
    kernel = torch.exp(-at.square() / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    wide = pad(planes, (radius,) * 4, mode="constant")
    return conv2d(conv2d(wide, kernel[None, None, :, None]), kernel[None, None, None, :])
