"""The Wiener filter: the best linear restoration when the power spectrum S of the clean images is known.

    x = m + S A^T (A S A^T + Sigma)^-1 (y - A m)

Without a known spectrum, S and m are those of a stationary Gaussian fitted to the recorded images themselves
by expectation-maximisation: the honest baseline of everything learned.
"""

from __future__ import annotations

import torch
from torch import Tensor

from emdiff_app.diffusion import GaussianPrior, fit_gaussian
from emdiff_app.diffusion.gaussian_solve import Conditional, Observation

from .recorded import Recorded
from .registry import Parameter, register

__all__ = ["gaussian_mean", "spectrum_prior", "wiener"]

PART = 128
"""Of larger images the spectrum is learned from parts of this side."""
BATCH = 32
MANY = 256
"""From so many images on, a spectrum may differ from direction to direction."""


@register(
    "wiener",
    "The best linear filter for noise and blur; learns the power spectrum from the image itself.",
    needs=("noise",),
    handles=("missing pixels", "low resolution"),
    prior=Parameter(
        None, "The Gaussian to use (from `spectrum_prior` or `fit_gaussian`); by default learned."
    ),
    rounds=Parameter(4, "Rounds of learning the spectrum."),
)
def wiener(recorded: Recorded, *, prior: GaussianPrior | None, rounds: int) -> Tensor:
    """The mean of the Gaussian's posterior."""
    return gaussian_mean(_learned(recorded, rounds) if prior is None else prior, recorded)


def gaussian_mean(prior: GaussianPrior, recorded: Recorded) -> Tensor:
    """`E[x | y]` over the recorded field."""
    imaging, seen = recorded.imaging, recorded.seen
    wide = all(own >= n for own, n in zip(prior.domain, imaging.domain, strict=True))
    fitting = prior if wide else prior.on(_room(imaging.domain))
    view = Observation.of(imaging, recorded.variance, seen, fitting.domain)
    spectrum = fitting.spectrum.expand(recorded.y.shape[1], *fitting.domain)
    centre = fitting.centre(recorded.y).expand(
        len(recorded.y), recorded.y.shape[1], *[1] * len(imaging.field)
    )
    background = centre.expand(*centre.shape[:2], *fitting.domain)
    gap = torch.where(seen, recorded.y, 0.0) - torch.where(seen, view.apply(background), 0.0)
    x = background + Conditional(spectrum, view).mean(gap)
    return imaging.crop(x[(slice(None), slice(None), *(slice(n) for n in imaging.domain))])


def spectrum_prior(clean: Tensor) -> GaussianPrior:
    """The Gaussian with the mean and the power spectrum of these clean images `(B, C, Y, X)`."""
    axes = tuple(range(2, clean.ndim))
    mean = clean.mean((0, *axes))
    centred = clean - mean.reshape(1, -1, *[1] * len(axes))
    power = torch.fft.fftn(centred, dim=axes, norm="ortho").abs().square().mean(0)
    return GaussianPrior(power.clamp_min(1e-6 * float(power.mean())), mean)


def _learned(recorded: Recorded, rounds: int) -> GaussianPrior:
    y = torch.where(recorded.seen, recorded.y, torch.nan)
    imaging = recorded.imaging
    if recorded.smaller is not None and min(y.shape[2:]) >= 2 * PART:
        imaging, y = recorded.smaller((PART, PART)), _parts(y)
    prior = fit_gaussian(
        imaging, list(torch.split(y, BATCH)), torch.Generator().manual_seed(0), rounds=rounds
    )
    return _isotropic(prior) if len(y) < MANY else prior


def _isotropic(prior: GaussianPrior) -> GaussianPrior:
    """The same in all directions: few images say too little of each frequency by itself."""
    squares = [torch.fft.fftfreq(n).square() for n in prior.domain]
    radius = sum(torch.meshgrid(*squares, indexing="ij"), torch.zeros(())).sqrt()
    shell = (radius * max(prior.domain)).round().long().flatten()
    count = torch.bincount(shell).clamp_min(1)
    flat = [
        (torch.bincount(shell, weights=power.flatten()) / count)[shell].reshape(power.shape)
        for power in prior.spectrum
    ]
    return GaussianPrior(torch.stack(flat).to(prior.spectrum), prior.mean)


def _parts(y: Tensor) -> Tensor:
    """The squares that tile the images, from their first corner."""
    tiles = y.unfold(2, PART, PART).unfold(3, PART, PART)
    whole = tiles.movedim((2, 3), (1, 2)).reshape(-1, y.shape[1], PART, PART)
    enough = torch.isfinite(whole).flatten(1).float().mean(1) > 0.1
    return whole[enough] if bool(enough.any()) else whole


def _room(domain: tuple[int, ...]) -> tuple[int, ...]:
    """A quarter wider, so that opposite borders are no neighbours."""
    from scipy.fft import next_fast_len

    return tuple(int(next_fast_len(round(n * 1.25), real=True)) for n in domain)
