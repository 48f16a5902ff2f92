"""Planes of a stack from the pages of a TIFF."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..axes import AxisMap
from .colour import Colour
from .open_files import OpenFiles
from .pages import Coding, Part, read_part
from .series import Pages

__all__ = ["TiffReader"]


@dataclass(frozen=True)
class TiffReader:
    """Reads the plane that is asked for and nothing else.

    The axes of the file before its rows number the planes: first the pages, then the separate samples and
    depths within a page. One axis may follow the columns: samples side by side.
    """

    files: OpenFiles
    pages: Pages
    coding: Coding
    colour: Colour
    axes: AxisMap
    rows_at: int
    told: frozenset[int]
    """Pages with missing pieces of which the user was told."""
    last: dict[str, Any] = field(default_factory=dict)

    def read(self, index: tuple[int, ...]) -> NDArray[Any]:
        _, _, height, width, _ = self.coding.shape
        return self.read_region(index, slice(0, height), slice(0, width))

    def read_region(self, index: tuple[int, ...], rows: slice, columns: slice) -> NDArray[Any]:
        _, _, height, width, _ = self.coding.shape
        wanted = dict(zip(self.axes.axes, index, strict=False))
        top, bottom, down = rows.indices(height)
        left, right, across = columns.indices(width)
        if down < 1 or across < 1:  # backwards: read it all and let numpy turn it round
            return self.read(index)[rows, columns]
        window = slice(top, max(top, bottom)), slice(left, max(left, right))
        before = self.axes.letters[: self.rows_at]
        if "S" in before:  # colours apart from each other: three reads
            count = self.axes.shape[before.index("S")]
            parts = [self._part({**wanted, "S": s}, *window)[..., 0] for s in range(count)]
            part = np.stack(parts, axis=-1)
        else:
            after = self.axes.letters[self.rows_at + 2 :]
            beside = after not in ("", "S", "-")
            part = self._remembered(wanted, *window) if beside else self._part(wanted, *window)
            if after in ("", "-") and not self.colour.added:
                part = part[..., 0]
            elif beside:
                part = np.ascontiguousarray(part[..., wanted[after]])
        return part[::down, ::across]

    def _remembered(self, wanted: dict[str, int], rows: slice, columns: slice) -> NDArray[Any]:
        """Channels side by side are read together, so the next channel is here already."""
        before = tuple(wanted.get(letter, 0) for letter in self.axes.letters[: self.rows_at])
        key = (before, rows.start, rows.stop, columns.start, columns.stop)
        kept = self.last.get("part")
        if kept is None or kept[0] != key:
            kept = self.last["part"] = (key, self._part(wanted, rows, columns))
        return kept[1]

    def _part(self, wanted: dict[str, int], rows: slice, columns: slice) -> NDArray[Any]:
        atom = 0
        for letter, length in zip(self.axes.letters[: self.rows_at], self.axes.shape, strict=False):
            atom = atom * length + wanted.get(letter, 0)
        samples, depths = self.coding.shape[:2]
        number, inside = divmod(atom, samples * depths)
        sample, depth = divmod(inside, depths)
        page = self.pages.page(number)
        part = Part(sample, depth, rows, columns)
        pixels = read_part(self.files, page, self.coding, part, announced=number in self.told)
        return pixels if self.colour.convert is None else self.colour.convert(pixels)

    def close(self) -> None:
        self.last.clear()
        self.files.close()


def rows_position(axes: str, shape: tuple[int, ...], coding: Coding, pages: int) -> int | None:
    """Where the rows are among the axes of the file; None where axes and pages do not fit each other."""
    samples, depths, height, width, beside = coding.shape
    for at in range(len(shape) - 1):
        after = shape[at + 2 :]
        if (
            shape[at : at + 2] == (height, width)
            and math.prod(shape[:at]) == pages * samples * depths
            and after in ((), (1,), (beside,))
            and math.prod(after) == beside
        ):
            return at
    return None
