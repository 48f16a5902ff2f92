"""Bringing the data in: the Gaussian conditional around an estimate, for any covariance.

`x = x0 + C A^T (Sigma + A C A^T)^-1 (y - A x0)` with `Cov[x | x_t] = C`. C is anything that can be applied to an
image; the system is solved with numbers of its own for each image, by conjugate gradients where C is symmetric.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from emdiff_app.physics import Imaging
from emdiff_app.physics.imaging import DARKEST
from emdiff_app.physics.inverting.conjugate_gradients import Normal, conjugate_gradients

from .covariance import Covariance
from .minimal_residual import minimal_residual
from .steps import OwnNoise

__all__ = ["condition", "draw", "variance"]


def variance(imaging: Imaging, estimate: Tensor, y: Tensor) -> Tensor:
    """The diagonal of `Sigma_y` where the truth is `estimate`, in the shape of y."""
    v = imaging.noise.variance(imaging.apply(estimate), DARKEST)
    v = torch.as_tensor(v, dtype=y.dtype, device=y.device).expand(y.shape)
    mean = v.flatten(1).mean(1).reshape(-1, *[1] * (y.ndim - 1))
    return v.clamp_min(torch.finfo(y.dtype).tiny).maximum(1e-6 * mean)


def condition(
    imaging: Imaging, y: Tensor, estimate: Tensor, covary: Callable[[Tensor], Tensor], *, iterations: int
) -> Tensor:
    """`E[x | x_t, y]` where `E[x | x_t]` is `estimate`: the equation above, for a C that need not be symmetric."""
    system, gap = _posed(imaging, y, estimate, covary, variance(imaging, estimate, y))
    u = system.weight * minimal_residual(system, system.weight * gap, iterations=iterations)
    return estimate + covary(imaging.adjoint(u))


def draw(
    imaging: Imaging,
    y: Tensor,
    estimate: Tensor,
    covariance: Covariance,
    noise: OwnNoise,
    *,
    iterations: int,
    tol: float = 1e-3,
) -> Tensor:
    """`x ~ p(x | x_t, y)`: perturb and solve.

    With `x0 + e`, `e ~ N(0, C)`, and `y + Sigma^1/2 n` in their places, the solution is an exact draw.
    """
    v = variance(imaging, estimate, y)
    around = estimate + covariance.draw(estimate, noise)
    recorded = y + v.sqrt() * noise.white(y)
    system, gap = _posed(imaging, recorded, around, covariance.apply, v)
    u = conjugate_gradients(system, gap, tol=tol, max_iter=iterations)
    return around + covariance.apply(imaging.adjoint(u))


def _posed(
    imaging: Imaging, y: Tensor, around: Tensor, covary: Callable[[Tensor], Tensor], v: Tensor
) -> tuple["_System", Tensor]:
    """The system to solve, and what the data say beyond `around`."""
    seen = imaging.seen(y)
    gap = torch.where(seen, y - imaging.apply(around), 0.0)
    return _System(imaging, covary, torch.where(seen, v.rsqrt(), 0.0)), gap


class _System(Normal):
    """`K = 1 + W A C A^T W`, `W = Sigma^-1/2`: as in the solver, with any C in the place of diag(r)."""

    def __init__(self, imaging: Imaging, covary: Callable[[Tensor], Tensor], weight: Tensor) -> None:
        self.imaging, self.covary, self.weight = imaging, covary, weight
        self.damping = None

    def __call__(self, u: Tensor) -> Tensor:
        covaried = self.covary(self.imaging.adjoint(self.weight * u))
        return u + self.weight * self.imaging.apply(covaried)
