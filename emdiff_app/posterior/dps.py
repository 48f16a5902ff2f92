"""DPS: an unguided ancestral step, then a step down the gradient of the misfit.

`x_{t-1} = x'_{t-1} - zeta grad_{x_t} ||y - A D(x_t)||`, the norm of each image its own, on the published 1000
levels: `s^2 = (1 - abar) / abar` of a beta from 1e-4 to 0.02. The published form has images in [-1, 1] and
variance-preserving states `x sqrt(abar)`; in ours, with u the unit that maps to 1, the step is
`zeta u sqrt(1 + s^2/u^2) sqrt(1 + l^2/u^2)`.
"""

import torch
from torch import Tensor

from emdiff_app.diffusion import Prior
from emdiff_app.physics import Imaging

from .gradients import denoised_with_pullback
from .guard import Guard, Report
from .registry import OnStep, register
from .steps import OwnNoise, ancestral

__all__ = ["sample"]

ZETA = 1.0
UNIT = 2.0
"""u in standard deviations of clean images: images in [-1, 1] have about 0.5."""


@register(
    "dps",
    equation="x_{t-1} = ancestral(x_t, D(x_t)) - zeta grad ||y - A D(x_t)||",
    cost="1 network evaluation and 1 gradient a step, and 1000 steps",
    gradients=True,
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
    zeta: float = ZETA,
) -> Tensor:
    guard = Guard(prior, imaging, y, steps, on_step, report)
    noise = OwnNoise(generator, len(y))
    seen = imaging.seen(y)
    unit = UNIT * prior.sigma_data
    visits = [unit * s for s in published_levels(steps)]
    x = visits[0] * noise.white(guard.kept)
    for number, s in enumerate(visits):
        x0, pullback = denoised_with_pullback(prior, x, s)
        x0 = guard.denoised(x0)
        misfit = torch.where(seen, y - imaging.apply(x0), 0.0)
        if number + 1 < steps:
            lower = visits[number + 1]
            size = misfit.flatten(1).norm(dim=1).clamp_min(1e-12).reshape(-1, *[1] * (y.ndim - 1))
            uphill = pullback(-imaging.adjoint(misfit / size))
            step = zeta * unit * ((1 + (s / unit) ** 2) * (1 + (lower / unit) ** 2)) ** 0.5
            plain = ancestral(guard.state(x), x0, s, lower, noise)
            x = plain - step * uphill
            x0 = guard.conditioned(x0, pullback.failed)
        guard.told(number)
    return guard.kept


def published_levels(steps: int) -> list[float]:
    """The levels of the 1000 published steps, falling; with fewer `steps`, as many of them, evenly spaced."""
    kept = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0)
    chosen = torch.linspace(999, 0, steps).round().long()
    level: list[float] = ((1 - kept) / kept).sqrt()[chosen].tolist()
    return level
