"""PiGDM: the pseudo-inverse of the misfit, pulled back through the denoiser.

`x0 + v J A^T (v A A^T + Sigma_y)^-1 (y - A x0)` with `v = s^2 sd^2 / (s^2 + sd^2)` and J the denoiser's
derivative, then an ancestral step. As published, v stands in the place of s^2 before J: guided too little where
there is much noise. See `mmps` for the form that matches the moments.
"""

import torch
from torch import Tensor

from emdiff_app.diffusion import Prior
from emdiff_app.physics import Imaging

from .condition import variance
from .gradients import denoised_with_pullback
from .guard import Guard, Report
from .registry import OnStep, register
from .steps import OwnNoise, ancestral, levels

__all__ = ["sample"]

LARGEST, SMALLEST = 20.0, 0.02


@register(
    "pigdm",
    equation="x0 + v J A^T (v A A^T + Sigma)^-1 (y - A x0), v = s^2 sd^2/(s^2 + sd^2); then an ancestral step",
    cost="1 network evaluation and 1 gradient a step",
    gradients=True,
    steps=100,
)
@torch.no_grad()
def sample(
    prior: Prior,
    imaging: Imaging,
    y: Tensor,
    *,
    steps: int = 100,
    generator: torch.Generator,
    on_step: OnStep | None = None,
    report: Report | None = None,
) -> Tensor:
    guard = Guard(prior, imaging, y, steps, on_step, report)
    noise = OwnNoise(generator, len(y))
    sd = prior.sigma_data
    visits = levels(LARGEST * sd, SMALLEST * sd, steps)
    x = guard.kept + visits[0] * noise.white(guard.kept)
    for number, s in enumerate(visits):
        plain, pullback = denoised_with_pullback(prior, x, s)
        plain = guard.denoised(plain)
        rho = s * sd / (s**2 + sd**2) ** 0.5
        pulled = imaging.solve(y, plain, rho, variance=variance(imaging, plain, y)) - plain
        x0 = guard.conditioned(plain + pullback(pulled), pullback.failed)
        if number + 1 < steps:
            x = ancestral(guard.state(x), x0, s, visits[number + 1], noise)
        guard.told(number)
    return guard.kept
