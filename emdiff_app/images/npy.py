"""Bare numpy arrays: pixels and nothing else, read through a memory map and never unpickled."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app.errors import StackError

from .arrays import ArrayReader, unnamed_axes
from .axes import map_axes
from .overrides import PixelSizes, override
from .stack import Stack

__all__ = ["open_npy"]


def open_npy(
    path: str | Path,
    *,
    axes: str | None = None,
    pixel_size: PixelSizes | None = None,
    channel: int | str | None = None,
) -> Stack:
    """A `.npy` file; its last two axes are Y and X unless `axes` says otherwise."""
    path = Path(path)
    if path.suffix.lower() == ".npz":
        raise StackError(
            f"{path.name} holds several arrays and no word of which is the image; save the one you mean "
            "with numpy.save as .npy and open that."
        )
    array = _mapped(path)
    found = unnamed_axes(array.shape, axes, path.name)
    mapped = map_axes(found, array.shape, axes, name=path.name)
    stack = Stack(
        _Mapped(array, mapped.letters),
        mapped.axes,
        mapped.stack_shape,
        array.dtype.newbyteorder("="),
        name=path.name,
        format="npy",
        source=path,
        warnings=mapped.warnings,
    )
    return override(stack, pixel_size, channel)


def _mapped(path: Path) -> NDArray[Any]:
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # numpy parses the header as Python, so a damaged one can raise anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise StackError(
            f"{path.name}: it is no readable .npy array ({reason}); it may be cut short, so copy it again."
        ) from None
    if array.dtype.kind not in "buif":
        raise StackError(
            f"{path.name}: it holds {array.dtype} and not real numbers, so it was not opened; save integers or floats."
        )
    return array


class _Mapped(ArrayReader):
    """Planes copied out of the map, so that they stay when the file goes."""

    def _part(self, index: tuple[int, ...], rows: slice, columns: slice) -> NDArray[Any]:
        part = super()._part(index, rows, columns)
        return np.array(part, dtype=part.dtype.newbyteorder("="))
