"""Score-ALD: annealed Langevin dynamics with the gradient of a softened likelihood.

`x <- x + h (score(x, s) + A^T (y - A x) / (Sigma_y + s^2)) + sqrt(2 h) n`, with `score = (D(x, s) - x) / s^2`
and `h = 0.2 s^2`, a few times at each of many falling levels s. The likelihood is taken at the noisy x itself;
the added s^2 stands for that noise, without its correlations.
"""

import torch
from torch import Tensor

from emdiff_app.diffusion import Prior
from emdiff_app.physics import Imaging

from .condition import variance
from .guard import Guard, Report
from .registry import OnStep, register
from .steps import OwnNoise, levels

__all__ = ["sample"]

LARGEST, SMALLEST = 8.0, 0.02
AT_EACH = 4
"""Langevin steps at each level."""
STEP = 0.2
"""h in units of s^2: where prior and likelihood both pull their hardest, 1 / s^2 each, 1 would not converge."""


@register(
    "score-ald",
    equation="x += h (score + A^T (y - A x) / (Sigma_y + s^2)) + sqrt(2 h) n, at falling levels s",
    cost="1 network evaluation a step, and hundreds of steps",
    gradients=False,
    steps=1000,
)
@torch.no_grad()
def sample(
    prior: Prior,
    imaging: Imaging,
    y: Tensor,
    *,
    steps: int = 1000,
    generator: torch.Generator,
    on_step: OnStep | None = None,
    report: Report | None = None,
) -> Tensor:
    guard = Guard(prior, imaging, y, steps, on_step, report)
    noise = OwnNoise(generator, len(y))
    seen = imaging.seen(y)
    few = -(-steps // AT_EACH)
    visits = levels(LARGEST * prior.sigma_data, SMALLEST * prior.sigma_data, few)
    x = guard.kept + visits[0] * noise.white(guard.kept)
    for number in range(steps):
        s = visits[number // AT_EACH]
        x0 = guard.denoised(prior.denoise(x, s))
        softened = variance(imaging, x0, y) + s**2
        pull = imaging.adjoint(torch.where(seen, y - imaging.apply(x), 0.0) / softened)
        h = STEP * s**2
        if number + 1 < steps:
            x = x + h * ((x0 - x) / s**2 + pull) + (2 * h) ** 0.5 * noise.white(x)
            x = guard.state(x)
        guard.told(number)
    return guard.kept
