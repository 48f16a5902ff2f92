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

    The variance is the same for all, so that none gains by saying that the noise is large. Samples come in pairs, so
    the mean of two is nearly that of many.
    """
    halves = thin(torch.where(seen, y, torch.nan), imaging.noise, generator)
    other = replace(imaging, noise=halves.second_noise)
    variance = noise_at(other, y, seen)

    def error(prediction: Tensor) -> float:
        off = (halves.second - prediction).square() / variance
        return float(torch.where(seen, off, 0.0).sum() / seen.sum().clamp_min(1))

    axes = tuple(range(1, y.ndim))
    level = torch.where(seen, halves.first, 0.0).sum(axes, keepdim=True)
    level = level / seen.sum(axes, keepdim=True).clamp_min(1)
    drawn = restore(replace(imaging, noise=halves.first_noise), halves.first)
    return Predictions(
        restored=error(torch.stack([imaging.apply(x) for x in drawn]).mean(0)),
        recorded=error(halves.first),
        blurred=min(error(blurred(halves.first, seen, width)) for width in WIDTHS),
        level=error(level.expand_as(y)),
    )
