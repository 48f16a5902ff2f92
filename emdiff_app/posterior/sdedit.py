"""SDEdit: drown what is wrong with the image in noise, and denoise it again.

`x_s0 = A^+ y + s0 n`, then the reverse diffusion of the prior alone. The data are never looked at again, so
much noise loses the image and little keeps the damage.
"""

import torch
from torch import Tensor

from emdiff_app.diffusion import Prior
from emdiff_app.physics import Imaging

from .guard import Guard, Report
from .registry import OnStep, register
from .steps import OwnNoise, levels, multistep

__all__ = ["sample"]

START, SMALLEST = 0.5, 0.02
"""s0 and the last level, in standard deviations of clean images."""


@register(
    "sdedit",
    equation="x = A^+ y + s0 n, then the reverse diffusion without y",
    cost="1 network evaluation a step",
    gradients=False,
    steps=40,
)
@torch.no_grad()
def sample(
    prior: Prior,
    imaging: Imaging,
    y: Tensor,
    *,
    steps: int = 40,
    generator: torch.Generator,
    on_step: OnStep | None = None,
    report: Report | None = None,
    start: float = START,
) -> Tensor:
    guard = Guard(prior, imaging, y, steps, on_step, report)
    visits = levels(start * prior.sigma_data, SMALLEST * prior.sigma_data, steps)

    def estimate(x: Tensor, s: float, number: int) -> Tensor:
        x0 = guard.denoised(prior.denoise(x, s))
        guard.told(number)
        return x0

    x = guard.kept + visits[0] * OwnNoise(generator, len(y)).white(guard.kept)
    return multistep(estimate, x, visits)
