"""MMPS: moment matching, with the denoiser's covariance from its own derivative.

`E[x | x_t, y] = x0 + s^2 J A^T (Sigma_y + s^2 A J A^T)^-1 (y - A x0)`, because `Cov[x | x_t] = s^2 J`. The system is
solved in a few products with J; Sigma_y is that of the noise at x0, at each step. Then a step of DPM++2M, which keeps
the spread, or an ancestral one, which loses some of it.

The J of a network is only nearly symmetric. Published with conjugate gradients, which that leads astray (chi2 of 1.5
to 4 here); GMRES takes the same products, and its residual never grows (chi2 1.05).
"""

from typing import Literal

import torch
from torch import Tensor

from emdiff_app.diffusion import Prior
from emdiff_app.physics import Imaging

from .condition import condition
from .gradients import denoised_with_pullback
from .guard import Guard, Report
from .registry import OnStep, register
from .steps import OwnNoise, ancestral, levels, multistep

__all__ = ["sample"]

LARGEST, SMALLEST = 20.0, 0.02
ITERATIONS = 5


@register(
    "mmps",
    equation="x0 + s^2 J A^T (Sigma + s^2 A J A^T)^-1 (y - A x0), by GMRES; then DPM++2M",
    cost="1 network evaluation and 6 gradients a step",
    gradients=True,
    steps=32,
)
@torch.no_grad()
def sample(
    prior: Prior,
    imaging: Imaging,
    y: Tensor,
    *,
    steps: int = 32,
    generator: torch.Generator,
    on_step: OnStep | None = None,
    report: Report | None = None,
    iterations: int = ITERATIONS,
    integrator: Literal["multistep", "ancestral"] = "multistep",
) -> Tensor:
    guard = Guard(prior, imaging, y, steps, on_step, report)
    noise = OwnNoise(generator, len(y))
    visits = levels(LARGEST * prior.sigma_data, SMALLEST * prior.sigma_data, steps)

    def estimate(x: Tensor, s: float, number: int) -> Tensor:
        plain, pullback = denoised_with_pullback(prior, x, s)
        plain = guard.denoised(plain)
        x0 = condition(imaging, y, plain, lambda v: s**2 * pullback(v), iterations=iterations)
        x0 = guard.conditioned(x0, pullback.failed)
        guard.told(number)
        return x0

    x = guard.kept + visits[0] * noise.white(guard.kept)
    if integrator == "multistep":
        return multistep(estimate, x, visits)
    for number, s in enumerate(visits[:-1]):
        x0 = estimate(x, s, number)
        x = ancestral(guard.state(x), x0, s, visits[number + 1], noise)
    return estimate(x, visits[-1], steps - 1)
