"""The images that a TIFF file holds, and which of them to open."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from emdiff_app.errors import StackError

from .ifds import Chain
from .ome_series import from_ome
from .ome_xml import MOST_PLANES
from .series import Series, cut_hyperstack, from_tifffile

__all__ = ["choose", "images_of"]


@dataclass(frozen=True)
class _Image:
    """One of the images of a file, understood in full only when it is chosen."""

    name: str
    shape: tuple[int, ...]
    reduced: bool
    make: Callable[[], Series]

    def __str__(self) -> str:
        size = " x ".join(str(n) for n in self.shape if n > 1)
        return f"{self.name}, {size}" if self.name else size


def choose(found: list[_Image], wanted: int | None, name: str) -> tuple[Series, list[str]]:
    """The image that was asked for, or the first of the largest; the others are named, except thumbnails."""
    if not found:
        raise StackError(f"{name}: it holds no image; nothing was changed. Check that it is the right file.")
    if wanted is not None:
        if not 0 <= wanted < len(found):
            raise StackError(f"{name}: there is no series {wanted}; choose from 0 to {len(found) - 1}.")
        return found[wanted].make(), []
    best = max(range(len(found)), key=lambda i: (math.prod(found[i].shape), -i))
    others = [f"{i} ({image})" for i, image in enumerate(found) if i != best and not image.reduced]
    if not others:
        return found[best].make(), []
    listed = ", ".join(others[:6]) + (", ..." if len(others) > 6 else "")
    warning = (
        f"The file holds {1 + len(others)} images; this is number {best}. `emdiff convert --series` saves another one "
        f"by itself: {listed}."
    )
    return found[best].make(), [warning]


def images_of(
    file: Any, chain: Chain, path: Path, companion: tuple[Path, str] | None
) -> tuple[list[_Image], list[str]]:
    """All images of the file; where OME-XML describes them, by our own reading of it."""
    notes: list[str] = []
    if companion is not None:
        found, notes = from_ome(file, companion[1], chain, companion[0], None)
        if not found:
            raise StackError(
                f"{companion[0].name}: it does not describe the TIFFs beside it; open one of those instead."
            )
        return [_made(series) for series in found], notes
    if file.is_ome and (text := file.ome_metadata):
        found, notes = from_ome(file, text, chain, path, path)
        if found:
            return [_made(series) for series in found], notes
        file.is_ome = False
    if file.is_mmstack and _promised_planes(file) > MOST_PLANES:
        file.is_mmstack = False
    cut = cut_hyperstack(file, path)
    if cut is not None:
        return [_made(cut)], notes
    return [
        _Image(each.name, each.shape, each.keyframe.is_reduced, partial(from_tifffile, each, chain, path))
        for each in file.series
    ], notes


def _made(series: Series) -> _Image:
    return _Image(series.name, series.shape, False, lambda: series)


def _promised_planes(file: Any) -> int:
    """How many planes a Micro-Manager file claims; tifffile would make room for all of them."""
    said = file.micromanager_metadata or {}
    summary, index = said.get("Summary") or {}, said.get("IndexMap")
    if index is None or not len(index):
        return MOST_PLANES + 1
    claimed = [int(summary.get(key, 1)) for key in ("Channels", "Slices", "Frames", "Positions")]
    return math.prod(
        max(1, abs(n), int(m) + 1) for n, m in zip(claimed, index[:, :4].max(axis=0), strict=True)
    )
