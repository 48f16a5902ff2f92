"""The Gaussian-conditional step: the image that fits both the recorded data and a guess."""

from __future__ import annotations

import torch
from torch import Tensor

from emdiff_app.physics.operators.base import LinearOperator
from emdiff_app.physics.operators.fourier import circulant

from .conjugate_gradients import Normal, conjugate_gradients

__all__ = ["per_image", "solve_gaussian"]


def solve_gaussian(
    operator: LinearOperator,
    y: Tensor,
    x0: Tensor,
    rho: float | Tensor,
    variance: float | Tensor,
    *,
    tol: float = 1e-5,
    max_iter: int = 100,
) -> Tensor:
    """`argmin_x ||y - A x||^2_{Sigma^-1} / 2 + ||x - x0||^2 / (2 rho^2)`.

    With `R = diag(rho^2)` and `e = y - A x0` it is, in the space of the data,

        x = x0 + R A^T u,    (Sigma + A R A^T) u = e,

    which is small, well scaled and often diagonal: where no pixel of the domain is seen twice (masks,
    downsampling), A R A^T is diagonal and any variance will do; where the blur is periodic, the noise white
    and rho one number, it is diagonal in the Fourier domain. Everything else goes to conjugate gradients.

    `rho` is a number, one per image (B,), or a map on the domain; `variance` likewise on the field. Pixels
    that were not observed, and those that are not finite, have no weight. An image whose solution would not
    be finite stays at x0.
    """
    r = per_image(rho, x0) ** 2
    seen = torch.isfinite(y)
    if operator.observed is not None:
        seen = seen & operator.observed
    e = torch.where(seen, y - operator.apply(x0), 0.0)
    v = _floored(per_image(variance, y), r, seen)
    spectrum = operator.outer_spectrum
    if operator.disjoint:
        diagonal = operator.squared(r.expand(*r.shape[:2], *operator.domain))
        u = e / (v + diagonal)
    elif spectrum is not None and _flat(r) and _flat(v) and bool(seen.all()):
        u = circulant(e, 1 / (v + r * spectrum.to(e)))
    else:
        u = conjugate_gradients(Normal(operator, r, v, seen), e, tol=tol, max_iter=max_iter)
    x = x0 + r * operator.adjoint(u)
    good = torch.isfinite(x).flatten(1).all(1).reshape(-1, *[1] * (x.ndim - 1))
    return torch.where(good, x, x0)


def per_image(value: float | Tensor, images: Tensor) -> Tensor:
    """A number, one number per image (B,), or a map, as a tensor that broadcasts against `images`."""
    full = torch.as_tensor(value, dtype=images.dtype, device=images.device)
    if full.ndim <= 1:
        return full.reshape(-1, *[1] * (images.ndim - 1))
    return full.reshape(*[1] * (images.ndim - full.ndim), *full.shape)


def _flat(value: Tensor) -> bool:
    return value.shape[2:].numel() == 1


def _floored(variance: Tensor, r: Tensor, seen: Tensor) -> Tensor:
    """The variance, never so small that one pixel's weight drowns all others in rounding.

    The floor is a millionth of the image's mean variance, or rounding beside rho^2 where there is no noise
    at all.
    """
    axes = tuple(range(1, variance.ndim))
    mean = torch.where(torch.isfinite(variance), variance, 0.0).mean(axes, keepdim=True)
    least = torch.finfo(variance.dtype).eps * r.mean(axes, keepdim=True)
    return torch.maximum(torch.nan_to_num(variance, nan=0.0), torch.maximum(1e-6 * mean, least))
