"""Blur: convolution with a PSF, with nothing wrapped around and nothing assumed beyond the border."""

from __future__ import annotations

from typing import Literal

import torch
from scipy.fft import next_fast_len
from torch import Tensor
from torch.nn import functional

from .base import LinearOperator, Shape
from .fourier import convolve

__all__ = ["Blur"]


class Blur(LinearOperator):
    """`y = crop(h * x)`: the field is what of the convolution depends on the domain alone.

    The domain is larger than the field by the PSF's support, because light from beyond the border falls
    onto the sensor; what was there is unknown and is solved for. With the boundary "periodic", domain and
    field are one and the convolution is circular.

    The circular convolution of length `size >= domain` that computes it never wraps into the field. In the
    same way `A A^T = crop (h * h~) pad` is one circular convolution with `|H|^2`, at half the cost of
    `apply` and `adjoint` in turn: its lags are at most `domain - field <= size - field`.

    `psf` is (1 or B, 1 or C, *odd spatial).
    """

    def __init__(self, field: Shape, psf: Tensor, boundary: Literal["crop", "periodic"] = "crop") -> None:
        self.field, self.psf, self.boundary = field, psf, boundary
        support = tuple(psf.shape[2:])
        if len(support) != len(field) or any(n % 2 == 0 for n in support):
            raise ValueError(f"a PSF of {support} pixels for a field of {field}: odd sizes, same dimensions")
        self.radius = tuple(n // 2 for n in support)
        self.axes = tuple(range(-len(field), 0))
        if boundary == "periodic":
            self.domain = self.size = field
        else:
            self.domain = tuple(n + 2 * r for n, r in zip(field, self.radius, strict=True))
            self.size = tuple(int(next_fast_len(n, real=True)) for n in self.domain)
        if boundary == "periodic":
            self._start = (0,) * len(field)
            self._forward = torch.fft.rfftn(_wrapped(psf, self.size), dim=self.axes)
            self._backward = self._forward.conj().resolve_conj()
        else:  # the kernel begins at the origin, so that its middle lands `radius` further on
            self._start = tuple(2 * r for r in self.radius)
            self._forward = torch.fft.rfftn(psf, s=self.size, dim=self.axes)
            self._backward = torch.fft.rfftn(psf.flip(self.axes), s=self.size, dim=self.axes)
        self._power = self._forward.abs() ** 2

    def apply(self, x: Tensor) -> Tensor:
        return convolve(x, self._forward, self.size, self._start, self.field)

    def adjoint(self, y: Tensor) -> Tensor:
        return convolve(y, self._backward, self.size, (0,) * len(self.field), self.domain)

    def outer(self, y: Tensor) -> Tensor:
        return convolve(y, self._power, self.size, (0,) * len(self.field), self.field)

    def squared(self, r: Tensor) -> Tensor:
        return Blur(self.field, self.psf**2, self.boundary).apply(r)

    def initial(self, y: Tensor) -> Tensor:
        """The recorded image, its border repeated outwards."""
        if self.boundary == "periodic" or not any(self.radius):
            return y
        pad = [r for radius in reversed(self.radius) for r in (radius, radius)]
        return functional.pad(y, pad, mode="replicate")

    def window(self, window: tuple[slice, ...]) -> tuple[slice, ...]:
        if self.boundary == "periodic":
            return window
        return tuple(slice(s.start + r, s.stop + r) for s, r in zip(window, self.radius, strict=True))

    @property
    def outer_spectrum(self) -> Tensor | None:
        return self._power if self.boundary == "periodic" else None

    def spectrum_on(self, grid: Shape) -> Tensor:
        return self._power if grid == self.size else self.power_on(grid)[..., : grid[-1] // 2 + 1]

    def power_on(self, grid: Shape) -> Tensor:
        """`|H|^2` over the fft frequencies of a periodic grid."""
        return torch.fft.fftn(_wrapped(self.psf, grid), dim=self.axes).abs() ** 2


def _wrapped(psf: Tensor, grid: Shape) -> Tensor:
    """The PSF on a periodic grid with its centre at the origin; folded over where it is the larger one."""
    for axis, n in enumerate(grid, 2):
        radius = psf.shape[axis] // 2
        if psf.shape[axis] > n:
            blocks = -(-psf.shape[axis] // n)
            margin = [0, 0] * (psf.ndim - 1 - axis) + [0, blocks * n - psf.shape[axis]]
            folded = functional.pad(psf, margin)
            psf = folded.reshape(*psf.shape[:axis], blocks, n, *psf.shape[axis + 1 :]).sum(axis)
        else:
            margin = [0, 0] * (psf.ndim - 1 - axis) + [0, n - psf.shape[axis]]
            psf = functional.pad(psf, margin)
        psf = psf.roll(-radius, axis)
    return psf
