"""Derivatives of the denoiser, image by image: `J^T v` with `J = dD(x_t, s) / dx_t`."""

import torch
from torch import Tensor

from emdiff_app.diffusion import Prior

__all__ = ["Pullback", "denoised_with_pullback"]

ABSURD = 1e12
"""A derivative larger than this is none."""


class Pullback:
    """The map `v -> J^T v`, which may be called many times.

    J of an exact denoiser is symmetric (`s^2 J` is a covariance), so this is `J v` as well. Where it is not
    finite it gives zero, no direction rather than a wrong one, and the image is marked in `failed`.
    """

    def __init__(self, estimate: Tensor, at: Tensor) -> None:
        self.estimate, self.at = estimate, at
        self.failed = torch.zeros(len(at), dtype=torch.bool, device=at.device)

    def __call__(self, v: Tensor) -> Tensor:
        (pulled,) = torch.autograd.grad(self.estimate, self.at, v, retain_graph=True)
        good = pulled.abs() < ABSURD
        self.failed |= ~good.flatten(1).all(1)
        return torch.where(good, pulled, 0.0)


def denoised_with_pullback(prior: Prior, x_t: Tensor, s: float) -> tuple[Tensor, Pullback]:
    """`D(x_t, s)` and its derivative there."""
    with torch.enable_grad():
        at = x_t.detach().requires_grad_()
        estimate = prior.denoise(at, s)
    return estimate.detach(), Pullback(estimate, at)
