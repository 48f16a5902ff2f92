"""One half of the photons predicts the other: the hold-out that needs no clean image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from emdiff_app.physics import Imaging
from emdiff_app.physics.noise.thinning import thin

from .records import Predictions
from .smooth import blurred, noise_at

__all__ = ["Restore", "predict_other_half"]

Restore = Callable[[Imaging, Tensor], Tensor]
"""An imaging model and what was recorded through it, to samples (K, B, C, *domain)."""
WIDTHS = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)


def predict_other_half(
    imaging: Imaging, y: Tensor, seen: Tensor, restore: Restore, generator: torch.Generator
) -> Predictions:
    """Split y; measure `<(y2 - prediction)^2 / Var[y2]>` for the restored first half and for its rivals.

    The variance is the same for all, so that none gains by saying that the noise is large. The mean of K samples
    is off from that of many by `Var / K`, which is taken off: K is the price of a quick check, not of the restoration.
    """
    filled = torch.where(seen, y, blurred(y, seen, WIDTHS[-1]))
    halves = thin(filled, imaging.noise, generator)
    other = replace(imaging, noise=halves.second_noise)
    variance = noise_at(other, filled, seen)

    def error(prediction: Tensor) -> float:
        off = (halves.second - prediction).square() / variance
        return float(torch.where(seen, off, 0.0).sum() / seen.sum().clamp_min(1))

    axes = tuple(range(1, y.ndim))
    level = torch.where(seen, halves.first, 0.0).sum(axes, keepdim=True)
    level = level / seen.sum(axes, keepdim=True).clamp_min(1)
    first = torch.where(seen, halves.first, torch.nan) if not bool(seen.all()) else halves.first
    drawn = restore(replace(imaging, noise=halves.first_noise), first)
    seen_at = torch.stack([imaging.apply(x) for x in drawn])
    few = 0.0 if len(drawn) < 2 else error(halves.second - seen_at.var(0).sqrt()) / len(drawn)
    return Predictions(
        restored=error(seen_at.mean(0)) - few,
        recorded=error(halves.first),
        blurred=min(error(blurred(halves.first, seen, width)) for width in WIDTHS),
        level=error(level.expand_as(y)),
    )
