"""Thinning: one recorded image made into two with independent noise, so that one can test the other.

Both halves have the mean of the original. The first has the noise of an exposure that is `share` as long
(rescaled to the same brightness), the second that of the rest:

    Var[y1 | level] = Var[y | level] / share        Var[y2 | level] = Var[y | level] / (1 - share)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, overload

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from emdiff_app.errors import PhysicsError
from emdiff_app.physics.random import next_generator

from .parameters import NoiseParameters, each_image
from .specs import GaussianNoise, PoissonGaussianNoise

__all__ = ["Halves", "thin", "thinned_noise"]

COUNTABLE = 0.15
"""Read noise, in photons, below which a recorded value still tells the number of photons for certain."""
WINDOW = 5
UNEVEN = 2.5
"""Neighbours that vary this many times as much as their noise lie across an edge."""


@dataclass(frozen=True)
class Halves:
    """Two images of the same scene with independent noise, and the noise of each."""

    first: Tensor
    second: Tensor
    first_noise: NoiseParameters
    second_noise: NoiseParameters


@overload
def thinned_noise(noise: GaussianNoise, share: float) -> GaussianNoise: ...
@overload
def thinned_noise(noise: PoissonGaussianNoise, share: float) -> PoissonGaussianNoise: ...
@overload
def thinned_noise(noise: NoiseParameters, share: float) -> NoiseParameters: ...
def thinned_noise(noise: Any, share: float) -> Any:
    """The noise of a half that got `share` of the photons: gain and read variance are divided by it."""
    if isinstance(noise, GaussianNoise):
        return GaussianNoise(sigma=noise.sigma / share**0.5)
    changed = {
        "offset": noise.offset,
        "gain": noise.gain / share,
        "read_noise": noise.read_noise / share**0.5,
    }
    return type(noise)(**changed)


def thin(
    recorded: Tensor,
    noise: NoiseParameters | GaussianNoise | PoissonGaussianNoise,
    generator: torch.Generator,
    *,
    share: float = 0.5,
) -> Halves:
    """Split images (B, C, ..., Y, X); each image has random numbers of its own, whatever the batch.

    - Gaussian noise: `y1 = y + a sigma n`, `y2 = y - sigma n / a` with `a^2 = (1 - share) / share`. Exact.
    - Photons with read noise below `COUNTABLE` of a photon: the counts `N = round((y - offset) / gain)` are
      split binomially, `offset + gain N1 / share`, and what the rounding left over is read noise, split like
      Gaussian noise. Exact where gain and offset are.
    - Otherwise `y1 = y + a w n`, `y2 = y - w n / a` with `w^2 = gain (y - offset) + read_noise^2`, whose mean
      given the level is exactly the variance: the halves are uncorrelated and have the right mean and variance.
      Their third moments are those of neither half (an approximation that fades with the photons). In the
      dark, where noise makes that `w^2` negative, the mean of even neighbours takes the place of y in it.

    Pixels that are not finite were not recorded: they are NaN in both halves, and no neighbour of any other.
    """
    if not 0 < share < 1:
        raise PhysicsError(
            f"The share of the photons in the first half must lie between 0 and 1, not {share}."
        )
    own = noise if isinstance(noise, NoiseParameters) else noise.parameters()
    images = recorded if recorded.ndim > 2 else recorded[None]
    parameters = [each_image(p, images) for p in (own.offset, own.gain, own.read_noise)]
    home = generator.device
    first, second = torch.empty_like(images), torch.empty_like(images)
    for i, image in enumerate(images):
        private = next_generator(generator)
        offset, gain, read = (p[i].to(home) for p in parameters)
        first[i], second[i] = _thin_one(image.to(home), offset, gain, read, share, private)
    return Halves(
        first.reshape(recorded.shape),
        second.reshape(recorded.shape),
        thinned_noise(own, share),
        thinned_noise(own, 1 - share),
    )


def _thin_one(
    y: Tensor, offset: Tensor, gain: Tensor, read: Tensor, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """One image, whose parameters broadcast against it."""
    seen = torch.isfinite(y)
    if not bool(seen.all()):
        level = torch.where(seen, y, 0.0).sum() / seen.sum().clamp(min=1)
        halves = _split(torch.where(seen, y, level), seen, offset, gain, read, share, generator)
        first, second = (torch.where(seen, half, torch.nan) for half in halves)
        return first, second
    return _split(y, seen, offset, gain, read, share, generator)


def _split(
    y: Tensor,
    seen: Tensor,
    offset: Tensor,
    gain: Tensor,
    read: Tensor,
    share: float,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    n = torch.randn(y.shape, generator=generator, device=y.device, dtype=y.dtype)
    a = ((1 - share) / share) ** 0.5
    if bool((gain > 0).all() & (read < COUNTABLE * gain).all()):
        counts = ((y - offset) / gain).round().clamp(min=0)
        kept = torch.binomial(counts, torch.full_like(counts, share), generator=generator)
        # What the rounding left over is read noise.
        rest = y - offset - gain * counts
        w = read * n
        return (
            offset + gain * kept / share + rest + a * w,
            offset + gain * (counts - kept) / (1 - share) + rest - w / a,
        )
    w = _variance(y, seen, offset, gain, read).sqrt() * n
    return y + a * w, y - w / a


def _variance(y: Tensor, seen: Tensor, offset: Tensor, gain: Tensor, read: Tensor) -> Tensor:
    """Numbers, not below zero, whose mean given the level is the variance there (nearly so in the dark).

    Whose value is taken, the pixel's or its neighbours', is decided by the neighbours alone: a choice
    that looked at the pixel itself would favour its bright draws.
    """
    own = (gain * (y - offset) + read**2).expand_as(y)
    if not bool((gain > 0).any()):
        return own
    mean, square = (_neighbours(v, seen) for v in (y - offset, (y - offset) ** 2))
    around = (gain * mean + read**2).clamp(min=0)
    even = square - mean**2 < UNEVEN * around  # no edge among the neighbours, only noise
    dark = around < 4 * gain * around.sqrt()
    return torch.where(dark & even, around, own).clamp(min=0)


def _neighbours(y: Tensor, seen: Tensor) -> Tensor:
    """The mean of the 5x5 pixels about each one that were seen, without itself."""
    weight = seen.expand(y.shape).to(y.dtype)
    flat = [v.reshape(-1, 1, *y.shape[-2:]) for v in (weight * y, weight)]
    sums = [avg_pool2d(v, WINDOW, 1, WINDOW // 2, divisor_override=1) - v for v in flat]
    return (sums[0] / sums[1].clamp(min=1)).reshape(y.shape)
