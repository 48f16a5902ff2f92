"""Bringing the data in: the Gaussian conditional around an estimate, for any covariance.

`x = x0 + C A^T (Sigma + A C A^T)^-1 (y - A x0)` with `Cov[x | x_t] = C`. C is anything that can be applied to an
image; the system is solved with numbers of its own for each image, by conjugate gradients where C is symmetric.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from emdiff_app.physics import Imaging
from emdiff_app.physics.imaging import DARKEST
from emdiff_app.physics.inverting.conjugate_gradients import System, conjugate_gradients
from emdiff_app.physics.operators.base import LinearOperator

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
    v = variance(imaging, estimate, y)
    system, gap = _System(imaging, y, v, covary), _beyond(imaging, y, estimate)
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
    system = _System(imaging, y, v, covariance.apply)
    system.follow(covariance)
    gap = _beyond(imaging, recorded, around)
    u = conjugate_gradients(system, gap, tol=tol, max_iter=iterations)
    return around + covariance.apply(imaging.adjoint(u))


def _beyond(imaging: Imaging, y: Tensor, around: Tensor) -> Tensor:
    """What the data say beyond `around`."""
    return torch.where(imaging.seen(y), y - imaging.apply(around), 0.0)


class _System(System):
    """`K = 1 + W A C A^T W`, `W = Sigma^-1/2`: as in the solver, with any C in the place of diag(r).

    Where C is nearly stationary, as `follow` is told, so is A C A^T but for borders and missing pixels, and
    `M = (mean(Sigma) + |H|^2 c) / mean(Sigma)` on the torus of C takes five steps where 1 takes twelve or more.
    """

    def __init__(self, imaging: Imaging, y: Tensor, v: Tensor, covary: Callable[[Tensor], Tensor]) -> None:
        seen = imaging.seen(y)
        super().__init__(seen, v.dtype)
        self.imaging, self.covary, self.variance = imaging, covary, v
        self.weight = torch.where(seen, v.rsqrt(), 0.0)

    def follow(self, covariance: Covariance) -> None:
        """Precondition by the stationary part of C, for images with few missing pixels."""
        power = _power(self.imaging.operator, covariance.size) if self.any_few else None
        if power is not None:
            self.near = covariance
            mean = self.variance.mean(tuple(range(1, self.variance.ndim)), keepdim=True)
            self.damping = mean / (mean + covariance.evenly * power)

    def __call__(self, u: Tensor) -> Tensor:
        covaried = self.covary(self.imaging.adjoint(self.weight * u))
        return torch.addcmul(u, self.weight, self.imaging.apply(covaried))

    def damped(self, residual: Tensor, damping: Tensor) -> Tensor:
        return self.near.filtered(residual, damping)


def _power(operator: LinearOperator, grid: tuple[int, ...]) -> Tensor | float | None:
    """`|H|^2` on the grid; None where pixels are lost on the way, or the axes are not those of the image."""
    if len(grid) != len(operator.field):
        return None
    one = operator.window(tuple(slice(0, 1) for _ in grid))
    if any(part.stop - part.start > 1 for part in one):
        return None
    power = operator.spectrum_on(grid)
    return 1.0 if power is None else power.mean(1, keepdim=True)
