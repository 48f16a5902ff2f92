"""Derivatives of the denoiser, image by image: `J^T v` with `J = dD(x_t, s) / dx_t`."""

from collections.abc import Callable

import torch
from torch import Tensor

from emdiff_app.diffusion import Prior

__all__ = ["denoised_with_pullback"]


def denoised_with_pullback(prior: Prior, x_t: Tensor, s: float) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """`D(x_t, s)` and the map `v -> J^T v`, which may be called many times.

    J of an exact denoiser is symmetric (`s^2 J` is a covariance), so this is `J v` as well.
    """
    with torch.enable_grad():
        at = x_t.detach().requires_grad_()
        estimate = prior.denoise(at, s)

    def pullback(v: Tensor) -> Tensor:
        (pulled,) = torch.autograd.grad(estimate, at, v, retain_graph=True)
        return pulled

    return estimate.detach(), pullback
