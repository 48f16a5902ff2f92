"""Pixels of one dtype as another: rounded and clipped where they must be, and every clipped one counted."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from emdiff_app.errors import StackError

__all__ = ["Casting"]


class Casting:
    """Casts planes to `target` and counts in `clipped` the pixels that did not fit.

    Whole numbers are made by rounding to the nearest (ties to even). A pixel that is not a number has
    no place among whole numbers, so it is refused rather than turned into some grey level.
    """

    def __init__(self, source: DTypeLike, target: DTypeLike, name: str = "The image") -> None:
        self.source, self.target, self.name = np.dtype(source), np.dtype(target), name
        self.clipped = 0
        known = self.source.kind in "buif" and self.target.kind in "iuf"
        if not known and not self.source == self.target == np.bool_:
            raise StackError(
                f"{name}: pixels of type {self.source} cannot be written as {self.target}; nothing was "
                "written. Keep their type (--dtype same)."
            )

    def __call__(self, plane: NDArray[Any]) -> NDArray[Any]:
        if plane.dtype == self.target:
            return plane
        if np.can_cast(plane.dtype, self.target, "safe"):
            return plane.astype(self.target)
        if self.target.kind == "f":
            return self._to_float(plane)
        return self._to_integer(plane)

    def _to_float(self, plane: NDArray[Any]) -> NDArray[Any]:
        with np.errstate(over="ignore"):
            cast = plane.astype(self.target)
        overflowed = np.isinf(cast) & np.isfinite(plane)
        if overflowed.any():
            self.clipped += int(overflowed.sum())
            limit = np.finfo(self.target).max
            cast[overflowed] = np.where(plane[overflowed] > 0, limit, -limit)
        return cast

    def _to_integer(self, plane: NDArray[Any]) -> NDArray[Any]:
        if plane.dtype.kind == "f":
            missing = int(np.isnan(plane).sum())
            if missing:
                raise StackError(
                    f"{self.name}: {missing} pixels of a plane are not numbers (NaN), which {self.target} "
                    "cannot hold; nothing was written. Write float32 instead (--dtype float32)."
                )
            plane = np.rint(plane)
        limits = np.iinfo(self.target)
        low, high = plane < limits.min, plane > limits.max
        if plane.dtype.kind == "f":  # the limit itself may round up to a float beyond it
            high |= plane >= float(limits.max) + 1
        # Casting first and mending the clipped pixels after needs no wider type to hold the limits.
        with np.errstate(invalid="ignore"):
            cast = plane.astype(self.target)
        cast[low], cast[high] = limits.min, limits.max
        self.clipped += int(low.sum()) + int(high.sum())
        return cast
