"""A stack: an image file or layer with axes, pixel size and channels; pixels are read when asked for."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from emdiff_app.errors import StackError

__all__ = ["AXES", "PixelSize", "PlaneReader", "Stack"]

AXES = "TCZYXS"
"""Every stack has some of these axes, in this order: time, channel, depth, rows, columns, RGB samples."""


@dataclass(frozen=True)
class PixelSize:
    """The distance between neighbours along one axis: `0.108 um`, or a time step `2.0 s`."""

    value: float
    unit: str = "um"

    def __str__(self) -> str:
        return f"{self.value:g} {self.unit}"


class PlaneReader(Protocol):
    """Where the pixels are: a file, a folder, a Zarr, an array. One per source, closed with it."""

    def read(self, index: tuple[int, ...]) -> NDArray[Any]:
        """The plane (YX, or YXS) at `index`, which has one number for each of the axes before Y."""
        ...

    def read_region(self, index: tuple[int, ...], rows: slice, columns: slice) -> NDArray[Any]:
        """A part of that plane, without reading the rest where the format allows it."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, eq=False)
class Stack:
    """Lazy pixels and all that is known about them.

    `axes` is a part of `AXES` in that order and always contains Y and X. `pixel_size` maps an axis of
    T, Z, Y, X to its step where the source states it. `extras` holds what else is known: the `files` of a
    stack over several, its `provenance`, its `translation`, the number of the `channel` that was chosen of several,
    and the format's own words (`ome_xml`, `imagej`).
    `warnings` are sentences that the user should see.
    """

    reader: PlaneReader
    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    name: str = ""
    pixel_size: Mapping[str, PixelSize] = field(default_factory=dict)
    channels: tuple[str, ...] = ()
    significant_bits: int | None = None
    compression: str | None = None
    format: str = "array"
    source: Path | None = None
    warnings: tuple[str, ...] = ()
    extras: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (
            list(self.axes) != sorted(set(self.axes), key=AXES.find)
            or not {"Y", "X"} <= set(self.axes) <= set(AXES)
            or len(self.axes) != len(self.shape)
        ):
            raise StackError(
                f"{self.name or 'The image'}: axes {self.axes!r} do not fit the shape {self.shape}; "
                "nothing was changed. Say which axis is which with --axes, for example --axes ZYX."
            )

    # sizes -----------------------------------------------------------------------------------

    @property
    def sizes(self) -> dict[str, int]:
        """The length of each axis: `{"Z": 60, "Y": 1024, "X": 1024}`."""
        return dict(zip(self.axes, self.shape, strict=True))

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """The size in memory if it were read whole."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def plane_axes(self) -> str:
        """The axes of one plane: `YX`, or `YXS` for colour photos."""
        return self.axes[self.axes.index("Y") :]

    @property
    def outer_axes(self) -> str:
        """The axes that number the planes, such as `TCZ`."""
        return self.axes[: self.axes.index("Y")]

    @property
    def plane_shape(self) -> tuple[int, ...]:
        return self.shape[len(self.outer_axes) :]

    def plane_indices(self) -> Iterator[tuple[int, ...]]:
        """Every index that `plane` takes, last axis fastest."""
        return itertools.product(*(range(n) for n in self.shape[: len(self.outer_axes)]))

    # pixels ----------------------------------------------------------------------------------

    def plane(self, index: tuple[int, ...] = ()) -> NDArray[Any]:
        """One plane, read now; `index` has one number for each of `outer_axes`."""
        return self.reader.read(self._checked(index))

    def region(self, index: tuple[int, ...], rows: slice, columns: slice) -> NDArray[Any]:
        """A part of one plane, read now."""
        return self.reader.read_region(self._checked(index), rows, columns)

    def numpy(self) -> NDArray[Any]:
        """All of it in memory."""
        whole = np.empty(self.shape, self.dtype)
        for index in self.plane_indices():
            whole[index] = self.plane(index)
        return whole

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Index like an array; only the planes that are asked for are read."""
        outer = len(self.outer_axes)
        keys = _expanded(key, self.ndim)
        picks = [
            range(n)[k] if isinstance(k, slice) else [range(n)[int(k)]]
            for k, n in zip(keys[:outer], self.shape[:outer], strict=True)
        ]
        planes = [self.plane(index)[keys[outer:]] for index in itertools.product(*picks)]
        lengths = [len(p) for p, k in zip(picks, keys[:outer], strict=True) if isinstance(k, slice)]
        if not planes:
            inner = np.empty(self.plane_shape, self.dtype)[keys[outer:]].shape
            return np.empty((*lengths, *inner), self.dtype)
        return np.stack(planes).reshape((*lengths, *planes[0].shape))

    def _checked(self, index: tuple[int, ...]) -> tuple[int, ...]:
        sizes = self.shape[: len(self.outer_axes)]
        if len(index) != len(sizes) or not all(0 <= i < n for i, n in zip(index, sizes, strict=True)):
            raise IndexError(f"no plane {index} in a stack of {self.outer_axes or 'one plane'} {sizes}")
        return tuple(int(i) for i in index)

    # derived stacks --------------------------------------------------------------------------

    def with_(self, **changes: Any) -> Stack:
        """The same pixels with other words: `stack.with_(name="restored")`."""
        return replace(self, **changes)

    def with_reader(self, reader: PlaneReader, dtype: DTypeLike) -> Stack:
        """The same shape and words over other pixels: how a result carries its input's metadata."""
        return replace(self, reader=reader, dtype=np.dtype(dtype))

    def channel(self, which: int | str) -> Stack:
        """The stack of one channel, by name or number (from 0), without its C axis.

        A name comes before a number: of channels called 405 and 488, "488" is the second.
        """
        if isinstance(which, str) and which not in self.channels and which.isdecimal():
            which = int(which)
        if "C" not in self.axes:
            if which in (0, *self.channels):
                return self
            raise StackError(f"{self.name}: there is only one channel; leave the channel out or ask for 0.")
        count = self.sizes["C"]
        number = self.channels.index(which) if which in self.channels else which
        if not isinstance(number, int) or not 0 <= number < count:
            listed = ", ".join(f"{i} ({name})" for i, name in enumerate(self.channels)) or f"0 to {count - 1}"
            raise StackError(
                f"{self.name}: there is no channel {which!r}; it has {listed}. Choose one of these."
            )
        at = self.axes.index("C")
        return replace(
            self,
            reader=_FixedAxis(self.reader, at, number),
            axes=self.axes.replace("C", ""),
            shape=self.shape[:at] + self.shape[at + 1 :],
            channels=self.channels[number : number + 1],
            extras={**self.extras, "channel": number},
        )

    def close(self) -> None:
        """Let go of the file. A stack also works as a context manager."""
        self.reader.close()

    def __enter__(self) -> Stack:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        sizes = " ".join(f"{axis}{n}" for axis, n in self.sizes.items())
        return f"Stack({self.name or self.format}: {sizes}, {self.dtype})"


@dataclass(frozen=True)
class _FixedAxis:
    """A reader with one of its outer axes held at one place."""

    reader: PlaneReader
    at: int
    number: int

    def _full(self, index: tuple[int, ...]) -> tuple[int, ...]:
        return (*index[: self.at], self.number, *index[self.at :])

    def read(self, index: tuple[int, ...]) -> NDArray[Any]:
        return self.reader.read(self._full(index))

    def read_region(self, index: tuple[int, ...], rows: slice, columns: slice) -> NDArray[Any]:
        return self.reader.read_region(self._full(index), rows, columns)

    def close(self) -> None:
        self.reader.close()


def _expanded(key: Any, ndim: int) -> tuple[Any, ...]:
    """`key` with one entry for every axis, `...` and missing ones filled in."""
    keys = key if isinstance(key, tuple) else (key,)
    if Ellipsis in keys:
        at = keys.index(Ellipsis)
        keys = (*keys[:at], *[slice(None)] * (ndim - len(keys) + 1), *keys[at + 1 :])
    if len(keys) > ndim:
        raise IndexError(f"{len(keys)} indices for a stack of {ndim} axes")
    return (*keys, *[slice(None)] * (ndim - len(keys)))
