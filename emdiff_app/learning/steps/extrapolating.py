"""Frequencies that no image shows keep the power that the Gaussian started with, so it has to be a good guess.

Started broad, they would stay as noise in every sample of every round. What images of the same things look like where
they are seen says more: their power falls as a power of the frequency, `S ~ f^-a`, and goes on falling.
"""

import math

import torch
from torch import Tensor

from emdiff_app.diffusion import GaussianPrior
from emdiff_app.physics import Imaging

from .unlearnable import contrast_at

__all__ = ["extrapolated"]

SEEN = 3.0
"""A frequency of this signal-to-noise ratio has been learned after a few rounds."""
DIMMED = 0.25
"""Noise alone hides nothing for ever: only where the optics pass less than this share of the power it is continued."""
OCTAVES = 1.3
"""The power law is fitted over so many octaves below the last frequency that is seen."""
STEEPEST, FLATTEST = 8.0, 2.0
BINS = 40


def extrapolated(gaussian: GaussianPrior, imaging: Imaging, variance: float) -> GaussianPrior:
    """The prior with its spectrum continued where optics and noise, of the given variance, hide it; never raised.

    The imaging model is one on the processor, wherever the prior is.
    """
    spectrum = gaussian.spectrum.cpu()
    radius = _radius(gaussian.domain).to(spectrum)
    edges = torch.linspace(0, 0.5, BINS + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    passed = torch.tensor([contrast_at(imaging, float(f)) ** 2 for f in middles])
    channels = [_continued(power, radius, edges, passed, variance) for power in spectrum]
    return GaussianPrior(torch.stack(channels).to(gaussian.spectrum), gaussian.mean)


def _continued(power: Tensor, radius: Tensor, edges: Tensor, passed: Tensor, variance: float) -> Tensor:
    number = torch.bucketize(radius, edges.to(radius)).clamp(1, BINS) - 1
    count = torch.zeros(BINS).index_add_(0, number.flatten(), torch.ones(number.numel()))
    total = torch.zeros(BINS).index_add_(0, number.flatten(), power.flatten())
    profile = total / count.clamp_min(1)
    middles = (edges[1:] + edges[:-1]) / 2
    lost = (passed < DIMMED) & (passed * profile / variance < SEEN) & (count > 0)
    first = int(lost.nonzero()[0]) if bool(lost.any()) else BINS
    last = float(middles[min(first, BINS - 1)])
    fitted = (middles < last) & (middles > last / 2**OCTAVES) & (count > 0)
    if first in (0, BINS) or int(fitted.sum()) < 2:
        return power
    x, y = middles[fitted].log(), profile[fitted].clamp_min(1e-20).log()
    off = x - x.mean()
    slope = float((off * (y - y.mean())).sum() / off.square().sum())
    slope = -min(max(-slope, FLATTEST), STEEPEST)
    law = (float(y.mean()) + slope * (radius.clamp_min(1e-6).log() - float(x.mean()))).exp()
    return torch.where(radius >= last, torch.minimum(power, law), power)


def _radius(domain: tuple[int, ...]) -> Tensor:
    axes = [torch.fft.fftfreq(n) for n in domain]
    squares = [g.square() for g in torch.meshgrid(*axes, indexing="ij")]
    return torch.stack(squares).sum(0).sqrt().clamp(max=math.sqrt(0.5))
