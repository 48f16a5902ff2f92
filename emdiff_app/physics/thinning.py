"""Thinning: one recorded image made into two with independent noise, so that one can test what the other taught.

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

from .noise import GaussianNoise, NoiseParameters, PoissonGaussianNoise
from .random import white

__all__ = ["Halves", "thin", "thinned_noise"]

COUNTABLE = 0.15
"""Read noise, in photons, below which a recorded value still tells the number of photons for certain."""
WINDOW = 5


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
      dark, where noise makes that `w^2` negative, the mean of the neighbours takes the place of y in it.
    """
    if not 0 < share < 1:
        raise PhysicsError(
            f"The share of the photons in the first half must lie between 0 and 1, not {share}."
        )
    own = noise if isinstance(noise, NoiseParameters) else noise.parameters()
    offset, gain, read = (
        torch.as_tensor(p, dtype=recorded.dtype, device=recorded.device)
        for p in (own.offset, own.gain, own.read_noise)
    )
    countable = (gain > 0) & (read < COUNTABLE * gain)
    images = recorded if recorded.ndim > 2 else recorded[None]
    first, second = _spread(images, offset, gain, read, share, white(images, generator))
    if bool(countable.any()):
        # Split the photons, then the rest (read noise) like any Gaussian noise.
        whole, ones = _split(images, offset, torch.where(gain > 0, gain, 1.0), share, generator)
        rest = _spread(images - whole, 0 * offset, 0 * gain, read, share, white(images, generator))
        first = torch.where(countable, ones[0] + rest[0], first)
        second = torch.where(countable, ones[1] + rest[1], second)
    return Halves(
        first.reshape(recorded.shape),
        second.reshape(recorded.shape),
        thinned_noise(own, share),
        thinned_noise(own, 1 - share),
    )


def _spread(
    y: Tensor, offset: Tensor, gain: Tensor, read: Tensor, share: float, n: Tensor
) -> tuple[Tensor, Tensor]:
    a = ((1 - share) / share) ** 0.5
    variance = (gain * (y - offset) + read**2).expand_as(y)
    if bool((gain > 0).any()):
        total = gain * (_neighbours(y) - offset) + read**2
        # Chosen by the neighbours alone: a choice that looked at the pixel itself would favour its bright draws.
        dark = total < 4 * gain * total.clamp(min=0).sqrt()
        variance = torch.where(dark, total, variance)
    w = variance.clamp(min=0).sqrt() * n
    return y + a * w, y - w / a


def _split(
    y: Tensor, offset: Tensor, gain: Tensor, share: float, generator: torch.Generator
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """The part of y that is whole photons, and its two halves, in grey levels."""
    home = generator.device
    counts = ((y - offset) / gain).round().clamp(min=0).to(home)
    kept = torch.empty_like(counts)
    for i, image in enumerate(counts):
        own = torch.Generator(home)
        own.manual_seed(int(torch.randint(2**62, (), generator=generator, device=home)))
        kept[i] = torch.binomial(image, torch.full_like(image, share), generator=own)
    counts, kept = counts.to(y.device), kept.to(y.device)
    return gain * counts + offset, (
        gain * kept / share + offset,
        gain * (counts - kept) / (1 - share) + offset,
    )


def _neighbours(y: Tensor) -> Tensor:
    """The mean of the 5x5 pixels about each one, without itself."""
    flat = y.reshape(-1, 1, *y.shape[-2:])
    sums = [
        avg_pool2d(v, WINDOW, 1, WINDOW // 2, divisor_override=1) - v for v in (flat, torch.ones_like(flat))
    ]
    return (sums[0] / sums[1].clamp(min=1)).reshape(y.shape)
