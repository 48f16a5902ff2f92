"""Which chunks of a Zarr array are there.

Zarr fills in for a chunk that has no file, without a word. A writer may leave out chunks that hold
nothing but the fill value, so a missing chunk is legal; but a copy that was cut short looks just the
same. So they are counted, and the user is told.
"""

import time
import zipfile
from collections.abc import Iterator
from itertools import product
from math import prod
from pathlib import Path

from .nodes import ArrayInfo, Folder

__all__ = ["chunks_total", "count_chunks", "missing_in"]


def chunks_total(info: ArrayInfo) -> int:
    """How many chunks the whole array has."""
    return prod(_grid(info))


def count_chunks(folder: Folder, info: ArrayInfo, *, seconds: float = 0.3) -> int | None:
    """How many of the array's chunks exist; None when counting takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    grid = _grid(info)
    present = 0
    for number, key in enumerate(_keys(folder, info)):
        place = _place(key, info)
        present += len(place) == len(grid) and all(i < n for i, n in zip(place, grid, strict=True))
        if number % 256 == 0 and time.monotonic() > deadline:
            return None
    return present


def missing_in(folder: Folder, info: ArrayInfo, region: tuple[slice, ...]) -> int:
    """How many of the chunks that `region` touches do not exist."""
    touched = [
        range(part.start // size, -(-part.stop // size))
        for part, size in zip(region, info.chunks, strict=True)
    ]
    return sum(not folder.joinpath(_name(place, info)).is_file() for place in product(*touched))


def _grid(info: ArrayInfo) -> tuple[int, ...]:
    return tuple(-(-n // size) for n, size in zip(info.shape, info.chunks, strict=True))


def _name(place: tuple[int, ...], info: ArrayInfo) -> str:
    parts = ([info.prefix] if info.prefix else []) + [str(i) for i in place]
    return info.separator.join(parts)


def _place(key: str, info: ArrayInfo) -> tuple[int, ...]:
    """The place in the grid that a file name stands for; `()` for a file that is no chunk."""
    parts = key.split(info.separator)
    if info.prefix:
        if parts[0] != info.prefix:
            return ()
        parts = parts[1:]
    return tuple(int(p) for p in parts) if all(p.isascii() and p.isdigit() for p in parts) else ()


def _keys(folder: Folder, info: ArrayInfo) -> Iterator[str]:
    """The names of all files of the array, relative to its folder."""
    if isinstance(folder, zipfile.Path):
        start = folder.at
        yield from (n[len(start) :] for n in folder.root.namelist() if n.startswith(start))
        return
    yield from _walk(folder, "", len(info.shape) + 1 if info.separator == "/" else 1)


def _walk(folder: Path, before: str, depth: int) -> Iterator[str]:
    import os

    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if depth > 1:
                    yield from _walk(Path(entry.path), f"{before}{entry.name}/", depth - 1)
            else:
                yield f"{before}{entry.name}"
