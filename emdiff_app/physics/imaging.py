"""An imaging model for images of one size: the operator with its arrays, the noise in the images' units."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .inverting import per_image, solve_gaussian
from .noise import NoiseParameters
from .operators.base import LinearOperator, Shape
from .random import generator_of, white

__all__ = ["Imaging"]

DARKEST = 1.0
"""Solvers and residuals take no pixel to be darker than this many photons: at fewer, the variance at a guess says
little about the truth, and at a guess of none nothing.
"""
LEAST_SHARE = 0.05


@dataclass(frozen=True, eq=False)
class Imaging:
    """`y = A x + n`: x on `domain`, y on `field`, tensors (B, C, *spatial).

    Pixels outside `observed` weigh nothing anywhere, whatever y holds there.
    """

    operator: LinearOperator
    noise: NoiseParameters

    @property
    def field(self) -> Shape:
        return self.operator.field

    @property
    def domain(self) -> Shape:
        return self.operator.domain

    @property
    def observed(self) -> Tensor | None:
        """Which recorded pixels carry information, broadcasting against y; None means all."""
        return self.operator.observed

    def seen(self, y: Tensor) -> Tensor:
        """Which pixels of y say anything: observed, and finite."""
        seen = torch.isfinite(y)
        return seen if self.observed is None else seen & self.observed

    def apply(self, x: Tensor) -> Tensor:
        """`A x`: what would be recorded without noise."""
        return self.operator.apply(x)

    def adjoint(self, y: Tensor) -> Tensor:
        """`A^T y`."""
        return self.operator.adjoint(y)

    def simulate(self, x: Tensor, seed: int | torch.Generator) -> Tensor:
        """Record x: blur it, draw photons and camera noise; unobserved pixels are 0."""
        y = self.noise.simulate(self.apply(x), generator_of(seed))
        return y if self.observed is None else torch.where(self.observed, y, 0.0)

    def noise_variance(self, x: Tensor) -> Tensor:
        """`Var[y | x]`, on the field; of one pixel (for broadcasting) where it is the same everywhere."""
        return self._variance(x, 0.0)

    def residual(self, y: Tensor, x: Tensor) -> Tensor:
        """`(y - A x) / sqrt(Var[y | x])`: white and of variance one where x is true; 0 where unobserved.

        Pixels darker than one photon weigh as if they had one, and all of the image so much more that the mean square
        is one where x is true: a single guess of no light, and no read noise, would otherwise outweigh everything.
        """
        level = self.apply(x)
        seen = self.seen(y)
        gap = torch.where(seen, y - level, 0.0)
        known = self._variance_at(level, DARKEST).clamp_min(torch.finfo(y.dtype).tiny)
        if self._white:
            return gap * known.rsqrt()
        share = torch.where(seen, self._variance_at(level, 0.0) / known, 0.0)
        each = share.flatten(1).sum(1) / seen.expand_as(y).flatten(1).sum(1).clamp_min(1)
        mean = each.clamp_min(LEAST_SHARE).reshape(-1, *[1] * (y.ndim - 1))
        return gap * (known * mean).rsqrt()

    def chi2(self, y: Tensor, x: Tensor) -> Tensor:
        """The mean square of the whitened residual over the observed pixels, one number per image: about 1."""
        count = self.seen(y).expand_as(y).flatten(1).sum(1).clamp_min(1)
        return self.residual(y, x).square().flatten(1).sum(1) / count

    def log_likelihood(self, y: Tensor, x: Tensor) -> Tensor:
        """`log p(y | x)` in nats, one number per image: the sum over its observed pixels."""
        level = self.apply(x)
        seen = self.seen(y)
        each = self.noise.log_likelihood(torch.where(seen, y, level.detach()), level)
        return torch.where(seen, each, 0.0).flatten(1).sum(1)

    def solve(
        self,
        y: Tensor,
        x0: Tensor,
        rho: float | Tensor,
        *,
        variance: float | Tensor | None = None,
        tol: float = 1e-5,
        max_iter: int = 100,
    ) -> Tensor:
        """`argmin_x ||y - A x||^2_{Sigma^-1} / 2 + ||x - x0||^2 / (2 rho^2)`; see `solve_gaussian`.

        Without `variance`, Sigma is that of the noise at x0, with at least one photon in each pixel.
        """
        v = self._variance(x0, DARKEST) if variance is None else variance
        return solve_gaussian(self.operator, y, x0, rho, v, tol=tol, max_iter=max_iter)

    def sample(
        self,
        y: Tensor,
        x0: Tensor,
        rho: float | Tensor,
        generator: torch.Generator,
        *,
        variance: float | Tensor | None = None,
        tol: float = 1e-5,
        max_iter: int = 100,
    ) -> Tensor:
        """Draw from the Gaussian whose mean `solve` gives: `p(x) ~ N(x | x0, rho^2) N(y | A x, Sigma)`.

        Perturb and solve: with `x0 + rho n` and `y + Sigma^1/2 n'` in their places, the solution is an
        exact draw.
        """
        v = per_image(self._variance(x0, DARKEST) if variance is None else variance, y)
        around = x0 + per_image(rho, x0) * white(x0, generator)
        recorded = y + v.sqrt() * white(y, generator)
        return solve_gaussian(self.operator, recorded, around, rho, v, tol=tol, max_iter=max_iter)

    def initial(self, y: Tensor) -> Tensor:
        """A first image on the domain: missing pixels from their neighbours, borders repeated outwards."""
        return self.operator.initial(y)

    def crop(self, x: Tensor) -> Tensor:
        """The part of x that lies over the recorded field, at x's own pixel size."""
        window = self.operator.window(tuple(slice(0, n) for n in self.field))
        return x[(slice(None), slice(None), *window)]

    def _variance(self, x: Tensor, floor: float) -> Tensor:
        if self._white:
            return self._variance_at(x, floor)
        return self._variance_at(self.apply(x), floor)

    def _variance_at(self, level: Tensor, floor: float) -> Tensor:
        if self._white:
            return per_image(self.noise.read_noise, level) ** 2
        return self.noise.variance(level, floor)

    @property
    def _white(self) -> bool:
        return isinstance(self.noise.gain, int | float) and self.noise.gain == 0
