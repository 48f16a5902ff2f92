"""The pixels of a Zarr array as planes of a stack."""

import math
import warnings
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app.errors import StackError

from .chunks import missing_in
from .nodes import ArrayInfo, Folder, Node

__all__ = ["ZarrReader", "open_array"]

# Chunks that hold several planes are decoded once for all of them, as long as they take no more than this.
_LARGEST_KEPT = 96 * 2**20


def open_array(node: Node, info: ArrayInfo) -> Any:
    """The array behind `node`, which has been checked, through zarr itself."""
    import zarr

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about formats that zarr calls experimental: not the user's concern
        try:
            array = zarr.open_array(**_place(node.folder), mode="r", zarr_format=node.version)
        except Exception as error:
            raise StackError(
                f"{node.name} cannot be opened ({type(error).__name__}: {error}); it may be damaged, so copy it again."
            ) from None
    if array.shape != info.shape:
        raise StackError(
            f"{node.name}: its metadata contradict each other; it may be damaged, so copy it again."
        )
    return array


def _place(folder: Folder) -> dict[str, Any]:
    import zarr

    if isinstance(folder, zipfile.Path):
        file = str(folder.root.filename)
        return {"store": zarr.storage.ZipStore(file, mode="r"), "path": folder.at.strip("/")}
    return {"store": zarr.storage.LocalStore(folder, read_only=True)}


class ZarrReader:
    """Planes of a Zarr array; `letters` has the stack's letter for each of its axes, `-` for none."""

    def __init__(self, array: Any, letters: str, node: Node, info: ArrayInfo, *, check_chunks: bool) -> None:
        self._array, self._letters, self._node, self._info = array, letters, node, info
        self._check_chunks = check_chunks
        self._kept: tuple[tuple[int, ...], NDArray[Any]] | None = None
        self._outer = [a for a in "TCZ" if a in letters]
        self._plane = [a for a in "YXS" if a in letters]
        sizes = dict(zip(letters, zip(info.shape, info.chunks, strict=True), strict=False))
        self._sizes = {a: shape for a, (shape, _) in sizes.items()}
        slab = {a: min(chunk, shape) if a in self._outer else shape for a, (shape, chunk) in sizes.items()}
        self._step = {a: slab[a] for a in self._outer}
        self._slab_fits = math.prod(slab.values()) * info.dtype.itemsize <= _LARGEST_KEPT

    def read(self, index: tuple[int, ...]) -> NDArray[Any]:
        if not self._slab_fits or all(step == 1 for step in self._step.values()):
            return self._fetch([slice(i, i + 1) for i in index])[(0,) * len(index)]
        steps = [self._step[a] for a in self._outer]
        corner = tuple(i - i % step for i, step in zip(index, steps, strict=True))
        kept = self._kept
        if kept is None or kept[0] != corner:
            parts = [
                slice(c, min(c + step, self._sizes[a]))
                for c, step, a in zip(corner, steps, self._outer, strict=True)
            ]
            kept = self._kept = (corner, self._fetch(parts))
        return kept[1][tuple(i - c for i, c in zip(index, corner, strict=True))].copy()

    def read_region(self, index: tuple[int, ...], rows: slice, columns: slice) -> NDArray[Any]:
        return self._fetch([slice(i, i + 1) for i in index], rows, columns)[(0,) * len(index)]

    def close(self) -> None:
        self._kept = None
        self._array.store.close()

    def _fetch(
        self, outer: list[slice], rows: slice = slice(None), columns: slice = slice(None)
    ) -> NDArray[Any]:
        """A block of the array in the order of the stack, outer axes first."""
        chosen = dict(zip(self._outer, outer, strict=True)) | {"Y": rows, "X": columns}
        key = tuple(chosen.get(a, slice(0, n)) for a, n in zip(self._letters, self._info.shape, strict=True))
        if self._check_chunks:
            self._warn_of_missing(key)
        try:
            block = np.asarray(self._array[key])
        except Exception as error:
            raise StackError(
                f"{self._node.name}: the pixels at {_said(self._outer, outer)} cannot be read "
                f"({type(error).__name__}: {error}); a chunk is damaged or cut short. Copy the file again."
            ) from None
        dropped = tuple(i for i, a in enumerate(self._letters) if a == "-")
        kept = [a for a in self._letters if a != "-"]
        block = block.squeeze(dropped).transpose([kept.index(a) for a in self._outer + self._plane])
        return block.astype(block.dtype.newbyteorder("="), copy=False)

    def _warn_of_missing(self, key: tuple[slice, ...]) -> None:
        """The chunks were too many to count at opening, so look at those that are needed now; say it once."""
        region = tuple(slice(*part.indices(n)[:2]) for part, n in zip(key, self._info.shape, strict=True))
        missing = missing_in(self._node.folder, self._info, region)
        if missing:
            self._check_chunks = False
            warnings.warn(
                f"{self._node.name}: a plane lacks {missing} of its chunks, which read as the fill value; if the image "
                "should not be empty there, copy the file again.",
                stacklevel=2,
            )


def _said(axes: list[str], parts: list[slice]) -> str:
    return " ".join(f"{a}={part.start}" for a, part in zip(axes, parts, strict=True)) or "its only plane"
