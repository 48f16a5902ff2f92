"""The default for blur, missing pixels and low resolution: moments matched without gradients.

`x0 ~ N(D(x_t, s), C_s)` conditioned on y, then `x_l = x0 + l (a (x_t - x0)/s + sqrt(1 - a^2) n)`.

C is the denoiser's covariance as in `covariance.py`, Sigma_y that of the noise at the estimate, both
re-evaluated at each step. Drawing x0, not taking its mean, keeps the spread right in a few steps: for a
Gaussian prior every step is exact. MMPS takes `C = s^2 J` from the network itself instead, at many times the cost.
"""

import torch
from torch import Tensor

from emdiff_app.diffusion import Prior
from emdiff_app.physics import Imaging

from .condition import draw
from .covariance import uncertainty_of
from .guard import Guard, Report
from .registry import OnStep, register
from .steps import OwnNoise, levels, renoise

__all__ = ["sample"]

LARGEST, SMALLEST, BEND = 2.0, 0.02, 3.0
"""Levels from 2 standard deviations to a fiftieth: from 8 on, the first third of the steps changes nothing, and a
network is least sure of its own uncertainty there. In 16 steps from 2, blur is restored as well as in 24 from 8."""
KEPT = 0.3
"""a: how much of the noise is kept from step to step; 0 forgets all errors so far, 1 keeps them. With 16 to 48 steps
anything from 0 to 0.6 differs by a tenth of a decibel."""
ITERATIONS, TOLERANCE = 16, 1e-4
"""Of the conjugate gradients. Blur takes three to eight; missing pixels, which have no good preconditioner, take all.
No figure of quality asks for so many, but a part of an image must end where the whole would: docs/decisions/0011."""


@register(
    "spectral",
    equation="x0 ~ N(D(x_t, s), C) given y, C the measured covariance of D; then re-noise",
    cost="1 network evaluation a step and up to 16 steps of conjugate gradients without the network",
    gradients=False,
    steps=16,
)
@torch.no_grad()
def sample(
    prior: Prior,
    imaging: Imaging,
    y: Tensor,
    *,
    steps: int = 16,
    generator: torch.Generator,
    on_step: OnStep | None = None,
    report: Report | None = None,
    kept: float = KEPT,
) -> Tensor:
    guard = Guard(prior, imaging, y, steps, on_step, report)
    noise = OwnNoise(generator, len(y))
    uncertainty = uncertainty_of(prior)
    visits = levels(LARGEST * prior.sigma_data, SMALLEST * prior.sigma_data, steps, BEND)
    x = guard.kept + visits[0] * noise.white(guard.kept)
    for number, s in enumerate(visits):
        mean = guard.denoised(prior.denoise(x, s))
        covariance = uncertainty.at(mean, s)
        x0 = guard.conditioned(
            draw(imaging, y, mean, covariance, noise, iterations=ITERATIONS, tol=TOLERANCE)
        )
        if number + 1 < steps:
            x = renoise(guard.state(x), x0, s, visits[number + 1], kept, noise)
        guard.told(number)
    return guard.kept
