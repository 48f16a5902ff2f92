"""Whether the spread is as wide as the errors are: measured on images of which the truth is known.

The prior's own images are recorded by the same imaging model and restored. The truth should lie in the interval
`mean +- t_p c spread` with probability p, t_p being Student's with a degree of freedom for each pair of samples and c
the factor: 1 for a sampler that is exact. Beside it TARP (Lemos et al., 2023): for patches, the distance of the truth
to a random patch should have any rank among the distances of the samples with equal probability.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from scipy import stats
from torch import Tensor

from emdiff_app.diffusion import Prior
from emdiff_app.physics import Imaging
from emdiff_app.physics.precise import doubled
from emdiff_app.posterior.pairs import degrees, variance_of

from .assessing import draw
from .calibration import NOMINAL, Calibration
from .familiar import dreams

__all__ = ["Estimate", "calibrate", "calibrate_estimate", "calibration_of", "coverage", "tarp"]

PATCH = 8
MOST = 1 << 18
"""So many pixels are enough for a quantile."""
DRAWS = 8

Estimate = Callable[[Imaging, Tensor], tuple[Tensor, Tensor]]
"""From recorded images to the posterior mean and variance of every pixel, on the domain."""


@torch.no_grad()
def calibrate(
    prior: Prior,
    imaging: Imaging,
    *,
    truth: Tensor | None = None,
    images: int = 16,
    samples: int = 8,
    sampler: str = "auto",
    steps: int = 24,
    seed: int = 0,
    seen: Tensor | None = None,
) -> Calibration:
    """Record and restore the prior's own images, or clean ones on the imaging model's domain where there are some.

    The factor is found on every other image and tested on the rest. Only pixels that are `seen` are recorded.
    """
    generator = torch.Generator().manual_seed(seed + 1)
    x = dreams(prior, imaging.domain, images, seed) if truth is None else truth
    y = imaging.simulate(x, generator)
    y = y if seen is None else torch.where(seen, y, torch.nan)
    drawn = draw(prior, imaging, y, samples, sampler=sampler, steps=steps, generator=generator)
    chi2 = torch.stack([imaging.chi2(y, one) for one in drawn]).mean()
    fields = torch.stack([imaging.crop(one) for one in drawn])
    return calibration_of(fields, imaging.crop(x), chi2=float(chi2), sampler=sampler, steps=steps)


@torch.no_grad()
def calibrate_estimate(
    prior: Prior,
    imaging: Imaging,
    estimate: Estimate,
    *,
    truth: Tensor | None = None,
    images: int = 16,
    sampler: str,
    steps: int,
    seed: int = 0,
) -> Calibration:
    """The same for a mean and a variance that are found without samples: the intervals are `mean +- z_p c spread`.

    Nothing is said of what pixels have in common, so TARP is taken pixel by pixel.
    """
    generator = torch.Generator().manual_seed(seed + 1)
    x = dreams(prior, imaging.domain, images, seed) if truth is None else truth
    y = imaging.simulate(x, generator)
    mean, variance = estimate(imaging, y)
    spread = variance.clamp_min(0).sqrt()
    noise = torch.randn((DRAWS, *mean.shape), generator=generator).to(mean)
    drawn, true = (imaging.crop(v) for v in ((mean + spread * noise).flatten(0, 1), x))
    drawn = drawn.reshape(DRAWS, *true.shape)
    off = imaging.crop((x - mean).abs() / spread.clamp_min(torch.finfo(x.dtype).tiny))
    wide = [float(stats.norm.ppf(0.5 + p / 2)) for p in NOMINAL]
    factor = _widening(off[::2], wide)
    return Calibration(
        covered=_inside(off, wide),
        factor=factor,
        corrected=_inside(off[1::2], wide, factor),
        tarp=tarp(drawn, true, side=1),
        chi2=float(torch.stack([imaging.chi2(y, mean + spread * one) for one in noise]).mean()),
        images=len(x),
        samples=DRAWS,
        sampler=sampler,
        steps=steps,
    )


def calibration_of(samples: Tensor, truth: Tensor, *, chi2: float, sampler: str, steps: int) -> Calibration:
    """From samples (K, B, C, *spatial) of images whose truth (B, C, *spatial) is known."""
    factor = _widening(_deviations(samples[:, ::2], truth[::2]), _widths(len(samples)))
    return Calibration(
        covered=coverage(samples, truth),
        factor=factor,
        corrected=coverage(samples[:, 1::2], truth[1::2], factor),
        tarp=tarp(samples[::2], truth),  # one of each pair: ranks want independent samples
        chi2=chi2,
        images=len(truth),
        samples=len(samples),
        sampler=sampler,
        steps=steps,
    )


def coverage(samples: Tensor, truth: Tensor, factor: float = 1.0) -> tuple[float, ...]:
    """How often the truth (B, ...) lies in the 50, 80 and 90 % intervals of samples (K, B, ...)."""
    return _inside(_deviations(samples, truth), _widths(len(samples)), factor)


def tarp(samples: Tensor, truth: Tensor, side: int = PATCH) -> tuple[float, ...]:
    """How often the rank of the truth is below 1, 2, ... K; `j / (K + 1)` for a sampler that is exact.

    Per patch of `side` x `side` pixels of images (B, C, *spatial); the reference is the same patch of the image before.
    """
    reference = truth.roll(1, 0)
    own = _distance(truth, reference, side)
    rank = torch.stack([_distance(x, reference, side) < own for x in samples]).sum(0)
    return tuple(float(doubled(rank < j).mean()) for j in range(1, len(samples) + 1))


def _distance(images: Tensor, reference: Tensor, side: int) -> Tensor:
    """The squared distance of each patch."""
    off = (images - reference).square().sum(1)
    side = min(side, *off.shape[-2:])
    return torch.nn.functional.avg_pool2d(off.reshape(-1, 1, *off.shape[-2:]), side)


def _deviations(samples: Tensor, truth: Tensor) -> Tensor:
    """`|x - mean| / spread`: by Student's law for Gaussian posteriors, whose mean every pair has exactly."""
    spread = variance_of(samples).sqrt()
    return (truth - samples.mean(0)).abs() / spread.clamp_min(torch.finfo(truth.dtype).tiny)


def _widths(samples: int) -> list[float]:
    """t_p for the nominal intervals."""
    return [float(stats.t.ppf(0.5 + p / 2, degrees(samples))) for p in NOMINAL]


def _inside(off: Tensor, wide: Sequence[float], factor: float = 1.0) -> tuple[float, ...]:
    """The share of deviations within each width."""
    return tuple(float(doubled(off <= factor * t).mean()) for t in wide)


def _widening(off: Tensor, wide: Sequence[float]) -> float:
    """The mean over the intervals of how much wider each would have to be."""
    off = off.flatten()
    off = doubled(off[:: -(-len(off) // MOST)])
    ratios = [float(torch.quantile(off, p)) / t for p, t in zip(NOMINAL, wide, strict=True)]
    return sum(ratios) / len(ratios)
