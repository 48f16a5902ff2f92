"""Is the residual white? Structure left in it is structure that the restoration missed or invented."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Whiteness", "whiteness"]


@dataclass(frozen=True)
class Whiteness:
    """Autocorrelation of a whitened residual.

    `lags[axis][k - 1]` is the correlation of pixels k apart along that axis, from -1 to 1. `error` is what
    chance alone makes of it (one standard deviation). `score` is the root mean square of `lags` over
    `error`: about 1 for white noise.
    """

    lags: dict[str, tuple[float, ...]]
    error: float
    score: float

    @property
    def largest(self) -> float:
        """The correlation furthest from zero."""
        return max((c for values in self.lags.values() for c in values), key=abs, default=0.0)

    @property
    def white(self) -> bool:
        """Whether it passes: near what chance does, or correlated by less than a hundredth."""
        return self.score < 2 or abs(self.largest) < 0.01


def whiteness(residual: Tensor, *, observed: Tensor | None = None, lags: int = 5) -> Whiteness:
    """`c_k = <r_i r_(i+k)> / <r_i^2>` over pairs of observed pixels, for k = 1 to `lags` along each axis.

    `residual` is (B, C, *spatial), whitened; each image's own mean is taken off first, because a constant
    misfit belongs to chi2 and not here. For white noise c_k scatters by `1 / sqrt(pairs)`.
    """
    seen = torch.isfinite(residual)
    if observed is not None:
        seen = seen & observed
    weight = seen.to(torch.float64)
    r = torch.where(seen, residual, 0.0).to(torch.float64)
    spatial = tuple(range(2, r.ndim))
    mean = r.sum(spatial, keepdim=True) / weight.sum(spatial, keepdim=True).clamp_min(1)
    r = (r - mean) * weight
    power = float(r.square().sum() / weight.sum().clamp_min(1))
    found: dict[str, tuple[float, ...]] = {}
    pairs_of_all, squares = 0.0, []
    for axis in spatial:
        values = []
        for k in range(1, min(lags, r.shape[axis] - 1) + 1):
            near, far = (slice(None),) * axis + (slice(None, -k),), (slice(None),) * axis + (slice(k, None),)
            pairs = float((weight[near] * weight[far]).sum())
            values.append(float((r[near] * r[far]).sum()) / (pairs * power) if pairs * power > 0 else 0.0)
            if pairs > 0:
                squares.append(values[-1] ** 2 * pairs)
                pairs_of_all += pairs
        found["ZYX"[axis - r.ndim]] = tuple(values)
    count = max(len(squares), 1)
    error = (count / pairs_of_all) ** 0.5 if pairs_of_all else float("inf")
    return Whiteness(found, error, (sum(squares) / count) ** 0.5)
