"""Conjugate gradients for a batch of images, each with scalars and a stopping point of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from emdiff_app.physics.operators.base import LinearOperator
from emdiff_app.physics.operators.fourier import convolve

__all__ = ["Normal", "System", "conjugate_gradients"]

FEW = 0.1
"""With a larger share of pixels missing, the preconditioner costs more steps than it saves."""

DATA = 10.0
"""From this ratio of rho^2 to the noise variance on, the data decide, and the preconditioner follows A
rather than 1.
"""


class System(ABC):
    """`K = W S W` with `W = Sigma^-1/2`, its `weight`; an inverse that is nearly right for `few` missing pixels."""

    weight: Tensor

    def __init__(self, seen: Tensor, dtype: torch.dtype) -> None:
        missing = 1 - seen.to(dtype).mean(tuple(range(1, seen.ndim)), keepdim=True)
        self.few = missing <= FEW
        self.all_few, self.any_few = bool(self.few.all()), bool(self.few.any())
        self.damping: Tensor | None = None

    @abstractmethod
    def __call__(self, u: Tensor) -> Tensor: ...

    @abstractmethod
    def damped(self, residual: Tensor, damping: Tensor) -> Tensor:
        """`M^-1 residual`, where `damping` is that of its frequencies."""

    def precondition(self, residual: Tensor) -> Tensor:
        """`M^-1 residual`; the residual itself for images with many missing pixels, and where there is no M."""
        if self.damping is None:
            return residual
        z = self.damped(residual, self.damping)
        return z if self.all_few else torch.where(self.few, z, residual)


class Normal(System):
    """`K = 1 + W A R A^T W` with `W = Sigma^-1/2` (0 at unobserved pixels) and `R = diag(r)`.

    Scaled by W on both sides, it has no eigenvalue below 1. The preconditioner is

        M^-1 = W^-1 crop (mean(Sigma) + mean(R) |H|^2)^-1 pad W^-1

    with |H|^2 the spectrum of `A A^T` on a grid so roomy that nothing wraps around: for any rho the
    eigenvalues of `M^-1 K` then lie within the range of the variances, but for the borders. Where rho is
    small K is nearly 1 and W is taken at its mean; where many pixels are missing there is no such bound, and
    M = 1.
    """

    def __init__(self, operator: LinearOperator, r: Tensor, variance: Tensor, seen: Tensor) -> None:
        super().__init__(seen, r.dtype)
        self.operator, self.r = operator, r
        self.weight = torch.where(seen, variance.rsqrt(), 0.0)
        self.scalar = r.shape[2:].numel() == 1
        self.strength = self.weight * r if self.scalar else self.weight
        self.grid = operator.roomy
        spectrum = operator.spectrum_on(self.grid) if self.any_few else None
        if spectrum is not None:
            images = tuple(range(1, seen.ndim))
            mean, prior = variance.mean(images, keepdim=True), r.mean(images, keepdim=True)
            strong = prior > DATA * mean
            self.spread = torch.where(strong, torch.where(seen, variance, 0.0), mean).sqrt()
            self.damping = 1 / (mean + prior * spectrum.to(r))

    def __call__(self, u: Tensor) -> Tensor:
        weighted = self.weight * u
        if self.scalar:
            return torch.addcmul(u, self.strength, self.operator.outer(weighted))
        return torch.addcmul(u, self.weight, self.operator.apply(self.r * self.operator.adjoint(weighted)))

    def damped(self, residual: Tensor, damping: Tensor) -> Tensor:
        field = self.operator.field
        return self.spread * convolve(self.spread * residual, damping, self.grid, (0,) * len(field), field)


def conjugate_gradients(normal: System, e: Tensor, *, tol: float, max_iter: int) -> Tensor:
    """`u = W v` with `K v = W e`, so that `(Sigma + A R A^T) u = e`.

    Each image stops at `|residual| <= tol |W e|`, and keeps the v with the smallest residual that it met:
    more steps never make it worse, and rounding or a wrong number stops it where it was.
    """
    residual = normal.weight * e
    v = torch.zeros_like(residual)
    best = v
    norm = _dot(residual, residual)
    smallest, goal = norm, norm * tol**2
    z = normal.precondition(residual)
    rz = _dot(residual, z)
    direction = z
    active = norm > goal
    for _ in range(max_iter):
        if not bool(active.any()):
            break
        image = normal(direction)
        curvature = _dot(direction, image)
        step = torch.where(active & (curvature > 0), rz / curvature, 0.0)
        v = torch.addcmul(v, step, direction)
        residual = torch.addcmul(residual, step, image, value=-1)
        norm = _dot(residual, residual)
        better = norm < smallest
        best = v if bool(better.all()) else torch.where(better, v, best)
        smallest = torch.where(better, norm, smallest)
        active = active & (norm > goal) & torch.isfinite(norm)
        z = normal.precondition(residual)
        last, rz = rz, _dot(residual, z)
        direction = torch.addcmul(z, torch.where(active, rz / last, 0.0), direction)
    return normal.weight * best


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """One inner product per image, in shape to multiply it with."""
    sums = (a * b).flatten(1).sum(1)  # five times as fast as bmm on small images
    return sums.reshape(-1, *[1] * (a.ndim - 1))
