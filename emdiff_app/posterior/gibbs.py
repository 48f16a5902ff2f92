"""Split Gibbs (PnP-DM): the data and the prior take turns, and neither is approximated.

`z ~ N(z | x, rho^2) N(y | A z, Sigma)`, linear algebra alone, then `x ~ p(x | z)` with `z = x + rho n`: the reverse
diffusion from z at the level rho. rho falls; at a fixed rho the draws are of `p(x) p(y | z) N(z | x, rho^2)`, which is
right but for the blur rho between x and z.
"""

import torch
from torch import Tensor

from emdiff_app.diffusion import Prior
from emdiff_app.physics import Imaging

from .condition import variance
from .covariance import uncertainty_of
from .guard import Guard, Report
from .registry import OnStep, register
from .steps import OwnNoise, ancestral, levels

__all__ = ["sample"]

LARGEST, SMALLEST = 3.0, 0.05
"""rho, in standard deviations of clean images."""
INNER = 4
"""Evaluations of each reverse diffusion from z."""
CLEAN = 0.05
"""Each ends at this share of rho."""


@register(
    "gibbs",
    equation="z ~ N(x, rho^2) N(y | A z, Sigma); x ~ p(x | z = x + rho n) by reverse diffusion; rho falls",
    cost="1 network evaluation a step, 4 steps to each draw given the data",
    gradients=False,
    steps=96,
)
@torch.no_grad()
def sample(
    prior: Prior,
    imaging: Imaging,
    y: Tensor,
    *,
    steps: int = 96,
    generator: torch.Generator,
    on_step: OnStep | None = None,
    report: Report | None = None,
) -> Tensor:
    guard = Guard(prior, imaging, y, steps, on_step, report)
    noise = OwnNoise(generator, len(y))
    uncertainty = uncertainty_of(prior)
    turns = max(steps // INNER, 1)
    x = guard.kept
    for turn, rho in enumerate(levels(LARGEST * prior.sigma_data, SMALLEST * prior.sigma_data, turns)):
        z = guard.state(_given_data(imaging, y, x, rho, noise))
        inner = INNER if turn + 1 < turns else steps - turn * INNER
        visits = levels(rho, CLEAN * rho, inner)
        for number, s in enumerate(visits):
            x = guard.denoised(prior.denoise(z, s))
            x = guard.conditioned(x + uncertainty.at(x, s).draw(x, noise))
            if number + 1 < inner:
                z = ancestral(guard.state(z), x, s, visits[number + 1], noise)
            guard.told(turn * INNER + number)
    return guard.kept


def _given_data(imaging: Imaging, y: Tensor, x: Tensor, rho: float, noise: OwnNoise) -> Tensor:
    """`z ~ N(x, rho^2) N(y | A z, Sigma)` by perturb and solve, with the noise of each image its own."""
    v = variance(imaging, x, y)
    around = x + rho * noise.white(x)
    return imaging.solve(y + v.sqrt() * noise.white(y), around, rho, variance=v)
