"""A stationary Gaussian fitted by EM to corrupted images alone.

Draw `x ~ p(x | y)` with the present mean and spectrum, set them to the mean and the power of the draws,
repeat. Draws, not means: means have too little power, and the spectrum would collapse.
"""

from collections.abc import Callable, Sequence

import torch
from scipy.fft import next_fast_len
from torch import Tensor

from emdiff_app.physics import Imaging

from .gaussian import GaussianPrior

__all__ = ["fit_gaussian"]

BROAD = 2.0
"""The start has this many times the variance of the recorded images."""
KNEE = 1 / 32
"""Below this frequency, in cycles a pixel, the start is flat."""
MARGIN = 0.25
"""The domain is wider than the images by this share, so that opposite borders are no neighbours."""
TOLERANCE = 0.1
"""A draw that is off by a tenth of its own spread has one per cent more of it."""


def fit_gaussian(
    imaging: Imaging | Sequence[Imaging],
    batches: Sequence[Tensor],
    generator: torch.Generator,
    *,
    rounds: int = 6,
    margin: float = MARGIN,
    on_round: Callable[[int], None] | None = None,
) -> GaussianPrior:
    """Fit by EM, started broad: a spectrum that begins too low recovers far more slowly than too high.

    `imaging` is one model for all batches, or one for each of them (where every image has its own mask).
    """
    models = [imaging] * len(batches) if isinstance(imaging, Imaging) else list(imaging)
    pairs = list(zip(models, batches, strict=True))
    prior = _start(pairs, margin)
    for number in range(rounds):
        prior = _round(prior, pairs, generator)
        if on_round is not None:
            on_round(number)
    return prior


def _round(
    prior: GaussianPrior, pairs: Sequence[tuple[Imaging, Tensor]], generator: torch.Generator
) -> GaussianPrior:
    power, mean = torch.zeros_like(prior.spectrum), torch.zeros_like(prior.mean)
    for imaging, y in pairs:
        x = prior.draw_posterior(imaging, y, generator, tolerance=TOLERANCE, whole=True)
        axes = tuple(range(2, x.ndim))
        centred = x - prior.centre(x)
        power += torch.fft.fftn(centred, dim=axes, norm="ortho").abs().square().sum(0)
        mean += x.mean(axes).sum(0)
    count = sum(len(y) for _, y in pairs)
    return GaussianPrior(power / count, mean / count)


def _start(pairs: Sequence[tuple[Imaging, Tensor]], margin: float) -> GaussianPrior:
    """The mean and twice the variance of the recorded pixels, under a falling spectrum."""
    domain = pairs[0][0].domain
    total = square = count = pairs[0][1].new_zeros(pairs[0][1].shape[1])
    for imaging, y in pairs:
        seen = imaging.seen(y)
        y, axes = torch.where(seen, y, 0.0), (0, *range(2, y.ndim))
        total, square = total + y.sum(axes), square + y.square().sum(axes)
        count = count + seen.expand(y.shape).to(y).sum(axes)
    count = count.clamp_min(1)
    mean = total / count
    variance = (square / count - mean.square()).clamp_min(1e-12)
    wide = [n if n == 1 else int(next_fast_len(round(n * (1 + margin)), real=True)) for n in domain]
    shape = _falling(wide).to(variance)
    return GaussianPrior(BROAD * variance.reshape(-1, *[1] * shape.ndim) * shape, mean)


def _falling(domain: Sequence[int]) -> Tensor:
    """The spectrum to start from, of mean one: `(f^2 + f0^2)^-1.25`, as images of nearly anything have.

    Where the optics pass nothing, EM leaves the start as it is: a flat one would stay as noise for ever.
    """
    squares = [torch.fft.fftfreq(n).square() for n in domain]
    total = sum(torch.meshgrid(*squares, indexing="ij"), torch.zeros(()))
    shape = (total + KNEE**2) ** -1.25
    return shape / shape.mean()
