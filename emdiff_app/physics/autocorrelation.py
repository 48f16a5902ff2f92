"""What neighbouring residuals have in common: structure that the restoration missed or invented."""

from __future__ import annotations

import torch
from torch import Tensor

from .precise import doubled

__all__ = ["autocorrelation"]


def autocorrelation(
    residual: Tensor, *, observed: Tensor | None = None, lags: int = 5
) -> dict[str, tuple[float, ...]]:
    """`c_k = <r_i r_(i+k)> / <r_i^2>` over pairs of observed pixels, for k = 1 to `lags` along each axis.

    `residual` is (B, C, *spatial), whitened; each image's own mean is taken off first, because a constant
    misfit belongs to chi2 and not here. For white noise c_k scatters by `1 / sqrt(pairs)`. Axes are called
    by their letters; short ones have fewer lags.
    """
    seen = torch.isfinite(residual)
    if observed is not None:
        seen = seen & observed
    weight, r = doubled(seen), doubled(torch.where(seen, residual, 0.0))
    spatial = tuple(range(2, r.ndim))
    mean = r.sum(spatial, keepdim=True) / weight.sum(spatial, keepdim=True).clamp_min(1)
    r = (r - mean) * weight
    power = float(r.square().sum() / weight.sum().clamp_min(1))
    found = {}
    for axis in spatial:
        values = []
        for k in range(1, min(lags, r.shape[axis] - 1) + 1):
            near, far = (slice(None),) * axis + (slice(None, -k),), (slice(None),) * axis + (slice(k, None),)
            scale = float((weight[near] * weight[far]).sum()) * power
            values.append(float((r[near] * r[far]).sum()) / scale if scale > 0 else 0.0)
        found["ZYX"[axis - r.ndim]] = tuple(values)
    return found
