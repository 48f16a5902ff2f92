"""`f(y) = 2 / gain sqrt(max(gain (y - offset) + 3/8 gain^2 + read_noise^2, 0))`, and back without bias.

The generalised Anscombe transform makes Poisson-Gaussian noise Gaussian, of variance one.

Its algebraic inverse is biased, because `E[f(y)] < f(E[y])`: the square root is concave. The exact unbiased
inverse maps `E[f(y) | level]` back to `level`. That mean is tabulated from its definition,
`sum_k Poisson(k; m) E_n[f(k + s n)]` with `m` the photons and `s` the read noise in photons, and inverted by
monotone interpolation.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, poisson

from .parameters import NoiseParameters
from .specs import GaussianNoise, PoissonGaussianNoise

__all__ = ["Anscombe"]

Floats = NDArray[np.float64]
MOST = 200.0
"""Photons up to which the mean is tabulated; beyond, its asymptote `2 sqrt(m + s^2 + 3/8) - ...` is inverted."""


class Anscombe:
    """Stabilises the noise it was made for; arrays and tensors alike, each parameter a number.

    For Gaussian noise (gain 0) it only divides by sigma.
    """

    def __init__(self, noise: NoiseParameters | PoissonGaussianNoise | GaussianNoise) -> None:
        own = noise if isinstance(noise, NoiseParameters) else noise.parameters()
        self.offset, self.gain, self.read_noise = (float(p) for p in (own.offset, own.gain, own.read_noise))

    def forward(self, recorded: Any) -> Any:
        """`f(y)`, whose noise has a standard deviation of about one from a few photons upward."""
        if self.gain == 0:
            return recorded / self.read_noise
        photons = (recorded - self.offset) / self.gain
        return 2 * _root(photons + 3 / 8 + self._s**2)

    def inverse(self, stabilised: Any) -> Any:
        """The level whose stabilised images have the mean `stabilised`; the offset where that is too dark."""
        if self.gain == 0:
            return stabilised * self.read_noise
        means, photons = _table(round(self._s, 9))
        if not hasattr(stabilised, "detach"):
            values = np.asarray(stabilised, np.float64)
            inside: Any = np.interp(values, means, photons)
            level = np.where(values > means[-1], _asymptote(values, self._s), inside)
            return self.gain * level + self.offset
        inside = _interpolate(stabilised, means, photons)
        beyond = _asymptote(stabilised, self._s)
        return self.gain * inside.where(stabilised <= float(means[-1]), beyond) + self.offset

    @property
    def _s(self) -> float:
        """The read noise in photons."""
        return self.read_noise / self.gain


def _root(value: Any) -> Any:
    if not hasattr(value, "clip"):
        return float(np.sqrt(max(value, 0.0)))
    positive = value.clip(min=0)
    return positive.sqrt() if hasattr(positive, "sqrt") else np.sqrt(positive)


def _asymptote(stabilised: Any, s: float) -> Any:
    """`m = (D / 2)^2 - 1/8 - s^2`, from `E[f] = 2 sqrt(u) (1 - Var / (8 u^2) + ...)` with `u = m + 3/8 + s^2`."""
    return (stabilised / 2) ** 2 - 1 / 8 - s**2


@lru_cache(maxsize=64)
def _table(s: float) -> tuple[Floats, Floats]:
    """`E[f | m]`, increasing, and the photons `m` it belongs to."""
    photons = np.linspace(0, np.sqrt(MOST), 700) ** 2
    counts = np.arange(0, MOST + 12 * np.sqrt(MOST) + 1)
    n = np.linspace(-7, 7, 1401) if s > 0 else np.zeros(1)
    weight = norm.pdf(n) / norm.pdf(n).sum()
    each = 2 * np.sqrt(np.maximum(counts[:, None] + s * n + 3 / 8 + s**2, 0)) @ weight
    means = poisson.pmf(counts[None], photons[:, None]) @ each
    # Where the table ends it is off the asymptote by some 1e-5 of a level; no step may be left there.
    photons = photons + (_asymptote(means[-1], s) - photons[-1]) * (photons / MOST)
    return means, photons


def _interpolate(x: Any, xs: Floats, ys: Floats) -> Any:
    """`numpy.interp` for tensors, differentiable in x."""
    import torch

    knots, values = (torch.as_tensor(v, dtype=x.dtype, device=x.device) for v in (xs, ys))
    at = torch.searchsorted(knots, x.detach().contiguous()).clamp(1, len(knots) - 1)
    share = (x - knots[at - 1]) / (knots[at] - knots[at - 1])
    return values[at - 1] + share.clamp(0, 1) * (values[at] - values[at - 1])
