"""How unsure the denoiser is: `Cov[x | x_t]`, taken as that of a stationary texture of uneven strength.

`C = diag(a) F^-1 diag(c_s(f)) F diag(a)`: a power spectrum c of its errors at the noise level s, and how
large they are at each pixel. For a stationary Gaussian prior it is exact, `c = S s^2 / (S + s^2)` and a = 1.
For a network it is measured once (`measured.py`). With it, conditioning on the data needs no gradient of the
network, and a draw of x given x_t costs one evaluation.
"""

from dataclasses import dataclass
from typing import Protocol
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from emdiff_app.diffusion import GaussianPrior, Prior
from emdiff_app.physics.operators.fourier import convolve

from .measured import Measured, measure
from .steps import OwnNoise

__all__ = ["Covariance", "Uncertainty", "pixel_variance", "uncertainty_of"]


@dataclass(frozen=True)
class Covariance:
    """C as it acts on images `(B, C, *spatial)`.

    `spectrum` is over the rfft frequencies of a torus of `size`, at least as large as the images: larger, so
    that opposite borders know nothing of each other. It broadcasts against images; for a torus of fewer axes
    than they have, the slices are independent. `strength` is a, `colours` an orthogonal matrix to channels
    that are independent.
    """

    spectrum: Tensor
    size: tuple[int, ...]
    strength: Tensor | None = None
    colours: Tensor | None = None

    def apply(self, v: Tensor) -> Tensor:
        """`C v`."""
        return self._scaled(self.filtered(self._scaled(v), self.spectrum))

    def draw(self, like: Tensor, noise: OwnNoise) -> Tensor:
        """`e ~ N(0, C)`, in the shape of `like`."""
        field = tuple(like.shape[-len(self.size) :])
        white = noise.white(like.new_empty(()).expand(*like.shape[: -len(self.size)], *self.size))
        return self._scaled(self.filtered(white, self.spectrum.sqrt(), field))

    def filtered(self, v: Tensor, gain: Tensor, field: tuple[int, ...] | None = None) -> Tensor:
        """v with each of its colours multiplied by a `gain` over the frequencies of the torus."""
        axes = tuple(range(-len(self.size), 0))
        field = tuple(v.shape[axes[0] :]) if field is None else field
        v = v if self.colours is None else torch.einsum("cd,bc...->bd...", self.colours, v)
        if v.ndim == 2 + len(axes):
            v = convolve(v, gain, self.size, (0,) * len(axes), field)
        else:  # slices of volumes
            v = torch.fft.irfftn(torch.fft.rfftn(v, s=self.size, dim=axes) * gain, s=self.size, dim=axes)
            for axis, n in zip(axes, field, strict=True):
                v = v.narrow(axis, 0, n)
        return v if self.colours is None else torch.einsum("dc,bc...->bd...", self.colours, v)

    @property
    def evenly(self) -> Tensor:
        """The spectrum of the stationary texture that is as strong as this one on average."""
        if self.strength is None:
            return self.spectrum
        mean = self.strength.square().flatten(1).mean(1)
        return self.spectrum * mean.reshape(-1, *[1] * (self.spectrum.ndim - 1))

    def _scaled(self, v: Tensor) -> Tensor:
        return v if self.strength is None else self.strength * v


class Uncertainty(Protocol):
    """The covariance of x given x_t for every noise level."""

    def at(self, estimate: Tensor, s: float | Tensor) -> Covariance:
        """Around the denoiser's `estimate` from level s: a number, one an image (B,), or a map."""


@dataclass(frozen=True)
class _Exact:
    prior: GaussianPrior

    def at(self, estimate: Tensor, s: float | Tensor) -> Covariance:
        prior = self.prior.on(tuple(estimate.shape[2:]))
        power = prior.spectrum[..., : estimate.shape[-1] // 2 + 1].to(estimate)
        level = torch.as_tensor(s, dtype=power.dtype, device=power.device).square()
        level = level.reshape(-1, *[1] * power.ndim)
        return Covariance(power * level / (power + level), prior.domain)


_measured: WeakKeyDictionary[Prior, tuple[int, Measured]] = WeakKeyDictionary()


def uncertainty_of(prior: Prior) -> Uncertainty:
    """In closed form where there is one, else measured, again whenever the weights have changed.

    A prior that only evaluates another one piece by piece (its `inner`) is as unsure as that one.
    """
    whole: Prior | None = getattr(prior, "inner", None)
    prior = prior if whole is None else whole
    if isinstance(prior, GaussianPrior):
        return _Exact(prior)
    changes = sum(0 if p.is_inference() else p._version for p in prior.parameters())
    known = _measured.get(prior)
    if known is None or known[0] != changes:
        known = changes, measure(prior)
        _measured[prior] = known
    return _Local(known[1])


@dataclass(frozen=True)
class _Local:
    measured: Measured

    def at(self, estimate: Tensor, s: float | Tensor) -> Covariance:
        level = torch.as_tensor(s, dtype=estimate.dtype, device=estimate.device)
        whole = level.square().flatten(1).mean(1).sqrt() if level.ndim > 1 else level.reshape(-1)
        spectrum, size = self.measured.spectrum(whole, tuple(estimate.shape[-2:]))
        spectrum = spectrum.reshape(*spectrum.shape[:2], *[1] * (estimate.ndim - 4), *spectrum.shape[2:])
        pixels = level if level.ndim > 1 else level.reshape(-1, *[1] * (estimate.ndim - 1))
        return Covariance(
            spectrum,
            size,
            self.measured.strength(estimate, pixels),
            self.measured.colours_for(estimate),
        )


def pixel_variance(covariance: Covariance, like: Tensor) -> Tensor:
    """The diagonal of C, in the shape of `like`: the mean of its spectrum, mixed over colours, times a^2."""
    spectrum = covariance.spectrum
    width = covariance.size[-1]
    twice = torch.full((spectrum.shape[-1],), 2.0, dtype=spectrum.dtype, device=spectrum.device)
    twice[0] = 1
    if width % 2 == 0:
        twice[-1] = 1
    axes = tuple(range(-len(covariance.size), 0))
    rows = spectrum.shape[axes[0] : -1].numel()
    each = (spectrum * twice).sum(axes, keepdim=True) / (rows * width)
    if covariance.colours is not None:
        each = torch.einsum("dc,bc...->bd...", covariance.colours.square(), each)
    strength = 1.0 if covariance.strength is None else covariance.strength.square()
    return (strength * each).expand(like.shape)
