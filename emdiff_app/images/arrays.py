"""Anything that can be indexed as a stack: numpy, dask, xarray, zarr, a napari layer's data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app.errors import StackError

from .stack import AXES, PixelSize, Stack

__all__ = ["ArrayReader", "axis_letter", "in_stack_order", "stack_from_array", "unnamed_axes"]

# How xarray dimensions and Zarr axes are called, beside the letters themselves.
_AXIS_WORDS = {
    **{"time": "T", "frame": "T", "channel": "C", "ch": "C", "depth": "Z", "plane": "Z", "slice": "Z"},
    **{"row": "Y", "rows": "Y", "height": "Y", "column": "X", "columns": "X", "col": "X", "width": "X"},
    **{"rgb": "S", "sample": "S", "samples": "S", "band": "S"},
}


@dataclass(frozen=True)
class ArrayReader:
    """Planes of an array-like whose axes may stand in any order.

    `axes` are the array's own, one letter each. A letter outside `AXES` is an axis of length one that
    the stack leaves out.
    """

    array: Any
    axes: str

    def read(self, index: tuple[int, ...]) -> NDArray[Any]:
        return self._part(index, slice(None), slice(None))

    def read_region(self, index: tuple[int, ...], rows: slice, columns: slice) -> NDArray[Any]:
        return self._part(index, rows, columns)

    def close(self) -> None:
        """Whoever made the array keeps it."""

    def _part(self, index: tuple[int, ...], rows: slice, columns: slice) -> NDArray[Any]:
        outer = [a for a in in_stack_order(self.axes) if a not in "YXS"]
        chosen: dict[str, Any] = dict(zip(outer, index, strict=True))
        chosen |= {"Y": rows, "X": columns, "S": slice(None)}
        part = np.asarray(self.array[tuple(chosen.get(a, 0) for a in self.axes)])
        kept = [a for a in self.axes if a in "YXS"]
        return part.transpose([kept.index(a) for a in "YXS" if a in kept])


def in_stack_order(axes: str) -> str:
    """The letters of `axes` that a stack has, in the order a stack has them."""
    return "".join(a for a in AXES if a in axes)


def axis_letter(name: str) -> str | None:
    """The letter for an axis that carries a name, such as `z`, `time` or `Channel`."""
    name = name.strip().lower()
    return name.upper() if name.upper() in set(AXES) else _AXIS_WORDS.get(name)


def unnamed_axes(shape: tuple[int, ...], override: str | None, name: str) -> str:
    """Letters for a bare array: Y and X last, `Q` for what nobody named.

    A short last axis is probably colour, but may be an image three pixels wide: the user must say.
    """
    if len(shape) < 2:
        raise StackError(f"{name}: an array of shape {shape} is no image; it needs at least two axes.")
    if override is None and len(shape) > 2 and shape[-1] in (2, 3, 4) and min(shape[-3:-1]) > 4:
        rest = "YX" if len(shape) == 3 else "ZYX"
        raise StackError(
            f"{name}: I can't tell whether its last axis of length {shape[-1]} is colour or channels; say it "
            f"with --axes {rest}S or --axes {rest}C."
        )
    return "Q" * (len(shape) - 2) + "YX"


def stack_from_array(
    array: Any,
    axes: str | None = None,
    *,
    pixel_size: Mapping[str, PixelSize] | None = None,
    channels: Sequence[str] = (),
    name: str = "",
    **words: Any,
) -> Stack:
    """A Stack over `array`; `axes` has a letter for each of its axes, in the array's own order.

    Without `axes`, named dimensions (xarray) are taken at their word, 2-D is `YX`, and anything else
    must be said. `words` are further fields of the Stack, such as `source` or `warnings`.
    """
    shape = tuple(int(n) for n in array.shape)
    axes = _axes(array, shape, name) if axes is None else axes.upper()
    if len(axes) != len(shape) or len(set(axes)) != len(axes) or not {"Y", "X"} <= set(axes):
        raise StackError(
            f"{name or 'The array'}: axes {axes!r} do not fit the shape {shape}; nothing was changed. Give "
            f"one letter of {AXES} for each axis, Y and X among them."
        )
    dropped = {a: n for a, n in zip(axes, shape, strict=True) if a not in AXES and n != 1}
    if dropped:
        listed = ", ".join(f"{a} of length {n}" for a, n in dropped.items())
        raise StackError(
            f"{name or 'The array'}: axes {listed} are not among {AXES}; say which they are with axes=."
        )
    dtype = np.dtype(array.dtype)
    if dtype.kind not in "buif":
        raise StackError(f"{name or 'The array'} holds {dtype}, not pixels; give it real numbers.")
    order = in_stack_order(axes)
    sizes = dict(zip(axes, shape, strict=True))
    return Stack(
        ArrayReader(array, axes),
        order,
        tuple(sizes[a] for a in order),
        dtype,
        name=name,
        pixel_size=dict(pixel_size or {}),
        channels=tuple(channels),
        **words,
    )


def _axes(array: Any, shape: tuple[int, ...], name: str) -> str:
    letters = [axis_letter(str(dim)) for dim in getattr(array, "dims", None) or ()]
    if letters and None not in letters:
        return "".join(letter for letter in letters if letter)
    if len(shape) == 2:
        return "YX"
    raise StackError(
        f"{name or 'The array'}: I can't tell what the {len(shape)} axes of shape {shape} are; "
        f"say it with axes=, for example axes='ZYX' (letters of {AXES})."
    )
