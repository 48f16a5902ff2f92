"""Total variation: `min_x F(A x) + w TV(x)`, for noise, blur, missing pixels and low resolution alike.

F is the negative logarithm of the likelihood: half the squared distance for Gaussian noise, and
`(q + b) - (y + b) log(q + b)` for photons, with b the read noise's variance counted as photons. Solved by the
primal-dual method of Chambolle and Pock (2011), which needs A, its adjoint, and the proximal maps of F and of
the norm, all in closed form:

    d <- prox_{s F*}(d + s A z),   p <- project_{|p| <= w}(p + s grad z),
    x' <- max(x - t (A^T d - div p), dark),   z = 2 x' - x.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .differences import divergence, gradient
from .recorded import Recorded
from .registry import Parameter, register

__all__ = ["total_variation"]

BLURRED, SHARP = 0.15, 0.6
BALANCE = 8.0
"""The steps of x are longer than those of the dual variables by the square of this."""


@register(
    "tv",
    "Total variation: flat areas with sharp edges; undoes noise and blur together.",
    needs=("noise",),
    handles=("missing pixels", "low resolution"),
    weight=Parameter(
        None,
        "How flat: 1 weighs a slope like the noise of a pixel; by default 0.15 with blur, 0.6 without.",
        (0.02, 0.03, 0.05, 0.08, 0.12, 0.18, 0.27, 0.4, 0.6, 0.8, 1.0, 1.3, 1.7, 2.3),
    ),
    dark=Parameter(None, "The level of no light, below which nothing lies; by default the camera's offset."),
    iterations=Parameter(300, "Steps of the solver."),
)
def total_variation(
    recorded: Recorded, *, weight: float | None, dark: float | None, iterations: int
) -> Tensor:
    """The solver, in units in which every image spans about 1."""
    if weight is None:
        weight = BLURRED if recorded.blurred else SHARP
    level = recorded.dark(dark)
    zero = recorded.filled.amin((1, 2, 3), keepdim=True) if level is None else level
    span = (recorded.filled.amax((1, 2, 3), keepdim=True) - zero).clamp_min(1e-12)
    y = (recorded.filled - zero) / span
    noise = recorded.variance.mean((1, 2, 3), keepdim=True).sqrt() / span
    prox = _gaussian(recorded, y) if not recorded.photons else _photons(recorded, y, noise, span)
    x = (recorded.imaging.initial(recorded.filled) - zero) / span
    x = _solve(recorded, x, prox, weight * noise, iterations, positive=level is not None)
    return recorded.imaging.crop(x * span + zero)


Prox = Callable[[Tensor, float], Tensor]
"""`prox_{s F*}(d)`."""


def _solve(
    recorded: Recorded, x: Tensor, prox: Prox, weight: Tensor, iterations: int, *, positive: bool
) -> Tensor:
    bound = 3.0  # |(A, grad)|^2 <= 1 + 8
    t, s = BALANCE / bound, 1 / (BALANCE * bound)
    seen, imaging = recorded.seen, recorded.imaging
    d, p, z = torch.zeros_like(recorded.y), torch.zeros((2, *x.shape), dtype=x.dtype), x
    for _ in range(iterations):
        d = torch.where(seen, prox(d + s * imaging.apply(z), s), 0.0)
        p = p + s * gradient(z)
        p = p / (p.square().sum(0).sqrt() / weight.clamp_min(1e-12)).clamp_min(1)
        new = x - t * (imaging.adjoint(d) - divergence(p))
        new = new.clamp_min(0) if positive else new
        x, z = new, 2 * new - x
    return x


def _gaussian(recorded: Recorded, y: Tensor) -> Prox:
    """`F(q) = |q - y|^2 / 2`."""
    return lambda d, s: (d - s * y) / (1 + s)


def _photons(recorded: Recorded, y: Tensor, noise: Tensor, span: Tensor) -> Prox:
    """`F(q) = c ((q + b) - (y + b) log(q + b))`, with c such that it curves like |q|^2 / 2 at the mean noise.

    Its proximal map is the positive root of `Q^2 - (P - t) Q - t (y + b) = 0`, and F*'s follows by Moreau.
    """
    own = recorded.imaging.noise
    gain, read = (torch.as_tensor(v).to(y) for v in (own.gain, own.read_noise))
    b = read.square() / (gain * span)
    scale = noise.square() * span / gain
    photons = (y + b).clamp_min(0)

    def prox(d: Tensor, s: float) -> Tensor:
        step = scale / s
        shifted = d / s + b - step
        root = (shifted + (shifted.square() + 4 * step * photons).sqrt()) / 2
        return d - s * (root - b)

    return prox
