"""The mean of a stationary Gaussian given an image of it, by conjugate gradients in the Fourier domain.

`E[x | e] = S A^T (A S A^T + Sigma)^-1 e` for an image e without mean. With `x = S^1/2 z` and z white this is

    (1 + S^1/2 A^T Sigma^-1 A S^1/2) z = S^1/2 A^T Sigma^-1 e,

whose eigenvalues are at least 1, whatever is missing. The preconditioner takes `A^T Sigma^-1 A` as a circular
convolution, which it is for any blur but for the borders, the missing pixels and the unevenness of the noise.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from emdiff_app.physics import Imaging
from emdiff_app.physics.operators.base import LinearOperator
from emdiff_app.physics.operators.mask import Mask

__all__ = ["Conditional", "Observation", "first"]

Map = Callable[[Tensor], Tensor]

DELAY = 3
ROUNDING = 1e-3
"""Where the preconditioner is exact, the first step ends it, and there is no need to wait."""


@dataclass(frozen=True)
class Observation:
    """How an image on a periodic domain is seen: `apply`, its `adjoint`, the weight `Sigma^-1` of each recorded
    pixel (0 where unseen), and the eigenvalues of the circular convolution nearest to `A^T A` (rfft
    frequencies).
    """

    apply: Map
    adjoint: Map
    weight: Tensor
    power: Tensor

    @classmethod
    def direct(cls, variance: Tensor, seen: Tensor) -> "Observation":
        """The image itself, through noise."""
        weight = torch.where(seen, 1 / variance, 0.0)
        return cls(lambda x: x, lambda y: y, weight, torch.ones((), device=variance.device))

    @classmethod
    def of(cls, imaging: Imaging, variance: Tensor, seen: Tensor, domain: tuple[int, ...]) -> "Observation":
        """An imaging model; on a domain larger than its own it sees the first corner."""
        corner = first(imaging.domain)
        pad = [
            m for n, own in zip(reversed(domain), reversed(imaging.domain), strict=True) for m in (0, n - own)
        ]

        def apply(x: Tensor) -> Tensor:
            return imaging.apply(x[corner])

        def adjoint(y: Tensor) -> Tensor:
            return F.pad(imaging.adjoint(y), pad)

        weight = torch.where(seen, 1 / variance, 0.0)
        return cls(apply, adjoint, weight, _power(imaging.operator, domain, variance))


class Conditional:
    """The linear system of one observation, and its solution."""

    def __init__(self, spectrum: Tensor, view: Observation) -> None:
        self.view, self.domain = view, tuple(spectrum.shape[1:])
        self.axes = tuple(range(2, 2 + len(self.domain)))
        bins = self.domain[-1] // 2 + 1
        # Of each pair of conjugate frequencies one is kept; it counts twice in every sum.
        twice = torch.full((bins,), 2.0, dtype=spectrum.dtype, device=spectrum.device)
        twice[0] = 1
        if self.domain[-1] % 2 == 0:
            twice[-1] = 1
        root = spectrum[..., :bins].sqrt()
        self.out, self.back = root / twice.sqrt(), root * twice.sqrt()
        mean = view.weight.mean(self.axes, keepdim=True)
        self.damping = 1 / (1 + root.square() * mean * view.power)

    def mean(self, e: Tensor, *, steps: int = 300, tolerance: float = 1e-3) -> Tensor:
        """`E[x | e]`, off by `tolerance` posterior standard deviations.

        In the norm of the system's own matrix every direction has a posterior standard deviation of 1. The
        square of the error in that norm, some steps ago, is what the steps since then have gained.
        """
        z = torch.zeros_like(b := self._spread(e))
        r, goal = b, tolerance**2 * e[0].numel()
        p = q = self.damping * r
        rq = _dot(r, q)
        live, gains = rq > ROUNDING * goal, [torch.full_like(rq, torch.inf)] * DELAY
        for _ in range(steps):
            if not bool(live.any()):
                break
            k = p + self._spread(self.view.apply(self._image(p)))
            step = torch.where(live, rq / _dot(p, k).clamp_min(1e-30), 0.0)
            z, r = z + step * p, r - step * k
            q = self.damping * r
            gains = [*gains[1:], step * rq]
            before, rq = rq, _dot(r, q)
            live = live & (sum(gains) > goal) & (rq > ROUNDING * goal)
            p = q + torch.where(live, rq / before.clamp_min(1e-30), 0.0) * p
        return self._image(z)

    def _image(self, z: Tensor) -> Tensor:
        """`S^1/2 z`, as an image."""
        return torch.fft.irfftn(self.out * z, s=self.domain, dim=self.axes, norm="ortho")

    def _spread(self, e: Tensor) -> Tensor:
        """`S^1/2 A^T Sigma^-1 e`, as frequencies."""
        image = self.view.adjoint(self.view.weight * e)
        return self.back * torch.fft.rfftn(image, dim=self.axes, norm="ortho")


def first(domain: tuple[int, ...]) -> tuple[slice, ...]:
    """The index of the first corner of images on a larger domain."""
    return (slice(None), slice(None), *(slice(n) for n in domain))


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """One inner product for each image."""
    a, b = torch.view_as_real(a), torch.view_as_real(b)
    return (a * b).flatten(1).sum(1).reshape(-1, *[1] * (a.ndim - 2))


def _power(operator: LinearOperator, domain: tuple[int, ...], like: Tensor) -> Tensor:
    """The spectrum of `A^T A` without its masks, from its answer to points in the middle of the image.

    Where several pixels are recorded as one, the answer depends on where in it the point lies: their mean.
    """
    parts = [p for p in getattr(operator, "parts", (operator,)) if not isinstance(p, Mask)]
    own = operator.domain
    folds = [max(1, round(n / m)) for n, m in zip(own, operator.field, strict=True)]
    total = like.new_zeros((1, 1, *domain))
    places = torch.cartesian_prod(*(torch.arange(f) for f in folds)).reshape(-1, len(own)).tolist()
    for place in places:
        at = [n // 2 // f * f + shift for n, f, shift in zip(own, folds, place, strict=True)]
        point = like.new_zeros((1, 1, *own))
        point[(..., *at)] = 1.0
        for part in parts:
            point = part.apply(point)
        for part in reversed(parts):
            point = part.adjoint(point)
        wide = like.new_zeros((*point.shape[:2], *domain))
        wide[first(own)] = point
        total = total + wide.roll([-n for n in at], tuple(range(2, 2 + len(own))))
    axes = tuple(range(2, 2 + len(own)))
    return torch.fft.rfftn(total / len(places), dim=axes).real.clamp_min(0)
