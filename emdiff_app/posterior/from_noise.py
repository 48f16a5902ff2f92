"""From noise: where nothing but noise was added, the recorded image itself is a state of the diffusion.

`y = x + m n`, so `x_1 = y`, and the reverse diffusion goes from there down to `x_r = x + r m n`, r from 1 to
nearly 0. No guidance and no approximation of the likelihood: exact as far as the prior is. White noise has
one m an image; a camera's is a map, `m = sqrt(gain x + b)`, for priors that were trained with such maps.

Each step draws `x0 ~ N(D(x_r, r m), C)` and takes the exact conditional `p(x_l | x_r, x0)`. The means alone
would lose spread, and the deterministic form would give one answer for each y.
"""

import torch
from torch import Tensor

from emdiff_app.diffusion import Prior
from emdiff_app.errors import EMDiffError
from emdiff_app.physics import Imaging

from .condition import variance
from .covariance import uncertainty_of
from .guard import Guard, Report
from .registry import OnStep, register
from .steps import OwnNoise, renoise

__all__ = ["fits", "sample"]

SMALLEST = 0.02
"""The last level, in standard deviations of clean images."""
BEND = 3.0


def fits(imaging: Imaging, prior: Prior | None = None) -> bool:
    """Whether noise is all that happened, and of a kind that the prior (if given) can be told."""
    if not imaging.operator.sharp or imaging.observed is not None:
        return False
    return prior is None or prior.takes_maps or not imaging.noise.depends_on_light


@register(
    "from-noise",
    equation="x_1 = y; x0 ~ N(D(x_r, r m), C); x_l ~ p(x_l | x_r, x0), m the noise's standard deviation",
    cost="1 network evaluation a step, and 1 more for noise that depends on the light",
    gradients=False,
    steps=12,
)
@torch.no_grad()
def sample(
    prior: Prior,
    imaging: Imaging,
    y: Tensor,
    *,
    steps: int = 12,
    generator: torch.Generator,
    on_step: OnStep | None = None,
    report: Report | None = None,
) -> Tensor:
    if not fits(imaging, prior) or not bool(imaging.seen(y).all()):
        raise EMDiffError(
            "The sampler from-noise is for images that only noise was added to, of a kind that the prior has "
            "learned, and with no pixel missing; nothing was drawn. Choose the sampler auto."
        )
    guard = Guard(prior, imaging, y, steps, on_step, report)
    noise = OwnNoise(generator, len(y))
    uncertainty = uncertainty_of(prior)
    m = _deviation(prior, imaging, y)
    pixels = m.reshape(-1, *[1] * (y.ndim - 1)) if m.ndim == 1 else m
    last = (SMALLEST * prior.sigma_data / pixels.flatten(1).mean(1)).clamp(max=0.5)
    shares = _shares(last.reshape(-1, *[1] * (y.ndim - 1)), steps)
    x = y
    for number, r in enumerate(shares):
        level = _level(r, m)
        mean = guard.denoised(prior.denoise(x, level))
        x0 = guard.conditioned(mean + uncertainty.at(mean, level).draw(mean, noise))
        if number + 1 < steps:
            lower = shares[number + 1]
            x = renoise(guard.state(x), x0, r * pixels, lower * pixels, lower / r, noise)
        guard.told(number)
    return guard.kept


def _deviation(prior: Prior, imaging: Imaging, y: Tensor) -> Tensor:
    """m: one number an image (B,), or a map, taken at what the denoiser makes of y."""
    if not imaging.noise.depends_on_light:
        return variance(imaging, y, y).flatten(1)[:, 0].sqrt()
    level = y.mean(tuple(range(2, y.ndim)), keepdim=True).expand_as(y)
    even = variance(imaging, level, y).sqrt()
    estimate = prior.denoise(y, even)
    return variance(imaging, torch.where(torch.isfinite(estimate), estimate, y), y).sqrt()


def _shares(last: Tensor, steps: int) -> list[Tensor]:
    """r from 1 to `last` for each image, denser where it is small."""
    end = last ** (1 / BEND)
    return [(1 + (end - 1) * i / max(steps - 1, 1)) ** BEND for i in range(steps)]


def _level(r: Tensor, m: Tensor) -> Tensor:
    return r.flatten() * m if m.ndim == 1 else r * m
