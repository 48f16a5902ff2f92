"""The likelihood of a recorded pixel under Poisson-Gaussian noise, accurate also for a few photons."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .parameters import NoiseParameters

if TYPE_CHECKING:
    import torch

__all__ = ["log_likelihood"]

SUM_BELOW = 1.0
"""Read noise, in photons, up to which the Poisson sum is written out. Above it the comb is blurred away
(what is left of it is `exp(-2 pi^2 s^2)`, 3e-9 at one photon) and the saddle point is accurate."""
TERMS = 8
DARK = 1e-6
"""Photons that stand for a level at or below the camera offset, so that the logarithm exists."""


def log_likelihood(noise: NoiseParameters, recorded: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
    """`log p(y | level)` with `p(y) = sum_k Poisson(k; m) N(z; k, s^2) / gain`.

    Here `z = (y - offset) / gain` is the recorded value in photons, `m` the mean number of photons and
    `s = read_noise / gain`. Up to `s = SUM_BELOW` the sum is taken over the 17 terms about its largest, which
    is exact to float precision. Above it, the saddle-point density with its first correction is used:
    `K(t) = m (e^t - 1) + s^2 t^2 / 2`, `K'(t) = z`,
    `log p = K - t z - log(2 pi K'') / 2 + log(1 + K4 / (8 K2^2) - 5 K3^2 / (24 K2^3))`, within 0.5 % of the
    sum. Where gain is 0 the density is Gaussian.
    """
    import torch

    offset, gain, read = (
        torch.as_tensor(p, dtype=level.dtype, device=level.device)
        for p in (noise.offset, noise.gain, noise.read_noise)
    )
    lit = gain > 0
    unit = torch.where(lit, gain, 1.0)
    # Read noise below a hundredth of a photon changes nothing but would make the density a set of spikes.
    s = (read / unit).clamp(min=1e-2)
    z = (recorded - offset) / unit
    m = ((level - offset) / unit).clamp(min=DARK)
    t = _saddle(z.detach(), m.detach(), s)
    if not bool(lit.any()):
        return _gaussian(recorded - level, read)
    few = s <= SUM_BELOW
    if bool(few.all()):
        photons = _sum(z, m, s, t)
    elif not bool(few.any()):
        photons = _saddle_point(z, m, s, t)
    else:
        photons = torch.where(few, _sum(z, m, s, t), _saddle_point(z, m, s, t))
    photons = photons - unit.log()
    if bool(lit.all()):
        return photons
    return torch.where(lit, photons, _gaussian(recorded - level, read.clamp(min=1e-30)))


def _gaussian(difference: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    return -0.5 * (difference / sigma) ** 2 - sigma.log() - 0.5 * math.log(2 * math.pi)


def _saddle(z: torch.Tensor, m: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
    """The root `t` of `m e^t + s^2 t = z`, by Newton's method on a convex increasing function.

    Started to the right of the root, where Newton steps go down to it and never beyond.
    """
    import torch

    t = torch.where(z > m, torch.log((z / m).clamp(min=1.0)), torch.zeros_like(z))
    t = torch.minimum(t, ((z - m) / s**2).clamp(min=0.0))
    for _ in range(40):
        light = m * t.exp()
        t = t - (light + s**2 * t - z) / (light + s**2)
    return t


def _sum(z: torch.Tensor, m: torch.Tensor, s: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    import torch

    middle = (m.detach() * t.exp()).round()
    steps = torch.arange(-TERMS, TERMS + 1, dtype=z.dtype, device=z.device)
    k = middle[..., None] + steps
    z, m, s = (v[..., None] for v in (z, m, s * torch.ones_like(z)))
    kept = k.clamp(min=0)
    terms = kept * m.log() - m - torch.lgamma(kept + 1) + _gaussian(z - kept, s)
    return torch.where(k >= 0, terms, -torch.inf).logsumexp(-1)


def _saddle_point(z: torch.Tensor, m: torch.Tensor, s: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    # One Newton step with gradients at the converged root carries the derivative of the root itself.
    light = m * t.exp()
    t = t - (light + s**2 * t - z) / (light + s**2)
    light = m * t.exp()
    k2 = light + s**2
    correction = light / (8 * k2**2) - 5 * light**2 / (24 * k2**3)
    exponent = light - m + 0.5 * s**2 * t**2 - t * z
    return exponent - 0.5 * (2 * math.pi * k2).log() + correction.clamp(min=-0.5).log1p()
