"""Downsampling by an integer: fewer, larger pixels."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from .base import LinearOperator, Shape

__all__ = ["Downsample"]


class Downsample(LinearOperator):
    """`area`: `y_i` is the mean of the block of pixels under i; `point`: the block's middle pixel.

    The middle of an even block is the pixel after its centre, so `point` is then half a fine pixel off.
    """

    disjoint = True

    def __init__(self, field: Shape, factors: Shape, method: Literal["area", "point"] = "area") -> None:
        self.field, self.factors, self.method = field, factors, method
        self.domain = tuple(n * f for n, f in zip(field, factors, strict=True))
        self.block = math.prod(factors)
        self._middle = (slice(None),) * 2 + tuple(slice(f // 2, None, f) for f in factors)

    def apply(self, x: Tensor) -> Tensor:
        if self.method == "point":
            return x[self._middle].clone()
        return self._block_sums(x) / self.block

    def adjoint(self, y: Tensor) -> Tensor:
        if self.method == "point":
            x = y.new_zeros(*y.shape[:2], *self.domain)
            x[self._middle] = y
            return x
        return self.initial(y / self.block)

    def outer(self, y: Tensor) -> Tensor:
        """`A A^T = 1 / block` for the mean, 1 for a point."""
        return y if self.method == "point" else y / self.block

    def squared(self, r: Tensor) -> Tensor:
        return self.apply(r) if self.method == "point" else self.apply(r) / self.block

    def initial(self, y: Tensor) -> Tensor:
        """Every pixel of a block shows the block's value."""
        for axis, factor in enumerate(self.factors, 2):
            if factor > 1:
                y = y.repeat_interleave(factor, axis)
        return y

    def window(self, window: tuple[slice, ...]) -> tuple[slice, ...]:
        return tuple(slice(s.start * f, s.stop * f) for s, f in zip(window, self.factors, strict=True))

    def _block_sums(self, x: Tensor) -> Tensor:
        """Axis by axis, as sums of every f-th line: much less work to set up than a reduction over blocks."""
        for axis, factor in enumerate(self.factors, 2):
            pick = (slice(None),) * axis
            if factor > 1:
                lines = [x[(*pick, slice(first, None, factor))] for first in range(factor)]
                x = sum(lines[1:], lines[0])
        return x

    def power_on(self, grid: Shape) -> Tensor:
        """`|B|^2` of what precedes the picking of points, over the fft frequencies of the fine grid."""
        power = torch.ones((1,) * (2 + len(grid)), dtype=torch.float64)
        if self.method == "point":
            return power.expand(1, 1, *grid)
        for axis, (n, f) in enumerate(zip(grid, self.factors, strict=True), 2):
            box = torch.zeros(n, dtype=torch.float64)
            box[:f] = 1.0 / f
            shape = [n if a == axis else 1 for a in range(2 + len(grid))]
            power = power * (torch.fft.fft(box).abs() ** 2).reshape(shape)
        return power

    def fold(self, spectrum: Tensor) -> Tensor:
        """The mean of a full (fft, not rfft) spectrum over the frequencies that downsampling confuses."""
        grid = (n // f for n, f in zip(spectrum.shape[2:], self.factors, strict=True))
        split = [n for pair in zip(self.factors, grid, strict=True) for n in pair]
        return torch.mean(spectrum.reshape(*spectrum.shape[:2], *split), tuple(range(2, 2 + len(split), 2)))
