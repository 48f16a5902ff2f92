"""Conjugate gradients for a batch of images, each with scalars and a stopping point of its own."""

from __future__ import annotations

import torch
from torch import Tensor

from .operators.base import LinearOperator

__all__ = ["Normal", "conjugate_gradients"]


class Normal:
    """`K = 1 + W A R A^T W` with `W = Sigma^-1/2` (0 at unobserved pixels) and `R = diag(r)`.

    Scaled by W on both sides, it has no eigenvalue below 1. `inverse_of_mean` is the preconditioner: the inverse of K with W^2
    and r at their means and A on a periodic field, `1 / (1 + mean(w^2) mean(r) |H|^2)` in the Fourier domain.
    """

    def __init__(self, operator: LinearOperator, r: Tensor, variance: Tensor, seen: Tensor) -> None:
        self.operator, self.r = operator, r
        self.weight = torch.where(seen, variance.rsqrt(), 0.0)
        self.scalar = r.shape[2:].numel() == 1
        self.axes = tuple(range(2, seen.ndim))
        spectrum = operator.approximate_spectrum
        self.damping: Tensor | None = None
        if spectrum is not None:
            images = tuple(range(1, seen.ndim))
            strength = (self.weight**2).mean(images, keepdim=True) * r.mean(images, keepdim=True)
            self.damping = 1 / (1 + strength * spectrum.to(strength.dtype))

    def __call__(self, u: Tensor) -> Tensor:
        weighted = self.weight * u
        if self.scalar:
            return u + self.weight * (self.r * self.operator.outer(weighted))
        return u + self.weight * self.operator.apply(self.r * self.operator.adjoint(weighted))

    def inverse_of_mean(self, residual: Tensor) -> Tensor:
        if self.damping is None:
            return residual
        spectrum = torch.fft.rfftn(residual, dim=self.axes)
        return torch.fft.irfftn(spectrum * self.damping, s=residual.shape[2:], dim=self.axes)


def conjugate_gradients(normal: Normal, e: Tensor, *, tol: float, max_iter: int) -> Tensor:
    """`u = W v` with `K v = W e`, so that `(Sigma + A R A^T) u = e`.

    Each image stops at `|residual| <= tol |W e|`, and keeps the v with the smallest residual that it met: more steps never
    make it worse, and rounding or a wrong number stops it where it was.
    """
    residual = normal.weight * e
    v = torch.zeros_like(residual)
    best = v
    norm = _dot(residual, residual)
    smallest, goal = norm, norm * tol**2
    z = normal.inverse_of_mean(residual)
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
        best = torch.where(better, v, best)
        smallest = torch.where(better, norm, smallest)
        active = active & (norm > goal) & torch.isfinite(norm)
        z = normal.inverse_of_mean(residual)
        last, rz = rz, _dot(residual, z)
        direction = torch.addcmul(z, torch.where(active, rz / last, 0.0), direction)
    return normal.weight * best


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """One inner product per image, in shape to multiply it with."""
    return (a * b).flatten(1).sum(1).reshape(-1, *[1] * (a.ndim - 1))
