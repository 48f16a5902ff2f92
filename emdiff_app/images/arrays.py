"""Anything that can be indexed as a stack: numpy, dask, xarray, zarr, a napari layer's data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app.errors import StackError

from .stack import AXES, PixelSize, Stack

__all__ = ["ArrayReader", "stack_from_array"]


@dataclass(frozen=True)
class ArrayReader:
    """Planes of an array-like whose axes already stand in the order of the stack."""

    array: Any

    def read(self, index: tuple[int, ...]) -> NDArray[Any]:
        return np.asarray(self.array[index] if index else self.array[...])

    def read_region(self, index: tuple[int, ...], rows: slice, columns: slice) -> NDArray[Any]:
        return np.asarray(self.array[(*index, rows, columns)])

    def close(self) -> None:
        """Whoever made the array keeps it."""


def stack_from_array(
    array: Any,
    axes: str | None = None,
    *,
    pixel_size: Mapping[str, PixelSize] | None = None,
    channels: Sequence[str] = (),
    name: str = "",
) -> Stack:
    """A Stack over `array`; without `axes`, 2-D is `YX` and anything else must be said."""
    shape = tuple(int(n) for n in array.shape)
    if axes is None:
        if len(shape) != 2:
            raise StackError(
                f"{name or 'The array'}: I can't tell what the {len(shape)} axes of shape {shape} are; "
                f"say it with axes=, for example axes='ZYX' (letters of {AXES})."
            )
        axes = "YX"
    return Stack(
        ArrayReader(array),
        axes.upper(),
        shape,
        np.dtype(array.dtype),
        name=name,
        pixel_size=dict(pixel_size or {}),
        channels=tuple(channels),
    )
