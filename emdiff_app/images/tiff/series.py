"""What a TIFF file holds: series of pages that belong together, and where their pixels are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from emdiff_app.errors import StackError

from ..stack import PixelSize
from .ifds import Chain
from .ome_xml import MOST_PLANES
from .pages import Page, is_sparse, page_of

__all__ = ["Pages", "Run", "Series", "Table", "cut_hyperstack", "from_tifffile"]


class Pages(Protocol):
    """The pages of a series by number, found when asked for."""

    def __len__(self) -> int: ...

    def page(self, number: int) -> Page:
        """Where page `number` is; StackError where it is missing."""
        ...

    def here(self) -> Sequence[int]:
        """The pages that are known without opening another file."""
        ...


@dataclass
class Series:
    """One image of the file: its axes in the order of the file, its pages, and what is said about it."""

    kind: str
    name: str
    axes: str
    shape: tuple[int, ...]
    keyframe: Any
    pages: Pages
    warnings: list[str] = field(default_factory=list)
    pixel_size: dict[str, PixelSize] = field(default_factory=dict)
    channels: tuple[str, ...] = ()
    significant_bits: int | None = None
    files: tuple[Path, ...] = ()
    """All files of the set, where it is spread over several."""


@dataclass(frozen=True)
class Run:
    """Pages one after the other without directories of their own (ImageJ, STK, tifffile)."""

    path: Path
    first: int
    nbytes: int
    count: int

    def __len__(self) -> int:
        return self.count

    def page(self, number: int) -> Page:
        return Page(self.path, (self.first + number * self.nbytes,), (self.nbytes,))

    def here(self) -> Sequence[int]:
        return range(self.count)


@dataclass(frozen=True)
class Table:
    """Pages that each have a directory; None where one is missing."""

    path: Path
    rows: Sequence[Page | None]

    def __len__(self) -> int:
        return len(self.rows)

    def page(self, number: int) -> Page:
        found = self.rows[number]
        if found is None:
            raise StackError(
                f"{self.path.name}: plane {number + 1} of {len(self.rows)} is missing from the file; nothing was "
                "changed. Copy the file again, or leave that plane out."
            )
        return found

    def here(self) -> Sequence[int]:
        return range(len(self.rows))


def from_tifffile(found: Any, chain: Chain, path: Path) -> Series:
    """A series as tifffile sees it, with its pages checked against the directories of the file."""
    axes, shape = found.get_axes(squeeze=False), tuple(int(n) for n in found.get_shape(squeeze=False))
    keyframe = found.keyframe
    size = math.prod(keyframe.shape)
    count = math.prod(shape) // size if size else 0
    listed = list(found._pages)
    pages: Pages
    if len(listed) == count:
        _check_alike(listed, keyframe, chain, path)
        pages = Table(path, [_page(page, path, is_sparse(keyframe)) for page in listed])
    elif len(listed) == 1 and keyframe.is_final and listed[0] is not None and listed[0].dataoffsets:
        pages = Run(path, listed[0].dataoffsets[0], keyframe.nbytes, count)
    else:
        raise StackError(
            f"{path.name}: its description promises {count} pages of {_times(keyframe.shape)}, but the file has "
            f"{len(listed)}; nothing was changed. Copy it again, or save it as a plain TIFF."
        )
    return Series(found.kind, found.name, axes, shape, keyframe, pages)


def cut_hyperstack(file: Any, path: Path) -> Series | None:
    """An ImageJ hyperstack whose planes follow its only directory and end too early; None for any other file.

    tifffile would show the first plane only. Here all have their place, and those beyond the end are errors.
    """
    if not file.is_imagej or file.is_ome or len(file.pages) > 1:
        return None
    said, page = file.imagej_metadata or {}, file.pages.first
    sizes = [said.get(key, 1) for key in ("frames", "slices", "channels")]
    if not all(isinstance(n, int) and n > 0 for n in sizes) or page.shaped[0] > 1 or page.shaped[4] > 1:
        return None
    count = math.prod(sizes)
    fits = page.is_final and page.dataoffsets[0] + count * page.nbytes <= file.filehandle.size
    if not page.is_final or fits or not 1 < count <= MOST_PLANES or said.get("order", "czt").lower() != "czt":
        return None
    run = Run(path, page.dataoffsets[0], page.nbytes, count)
    return Series("imagej", "", f"TZC{page.axes}", (*sizes, *page.shape), page, run)


def _page(page: Any, path: Path, sparse: bool) -> Page | None:
    if page is None or not page.dataoffsets or not (sparse or any(page.dataoffsets)):
        return None
    source = Path(page.parent.filehandle.path)
    return page_of(page, source if source.name != path.name else path)


def _check_alike(listed: Sequence[Any], keyframe: Any, chain: Chain, path: Path) -> None:
    """tifffile looks at some pages only; every page must be coded like the first."""
    expected = chain.signatures.get(keyframe.offset)
    for number, page in enumerate(listed):
        if page is None or page.parent is not keyframe.parent or expected is None:
            continue
        if chain.signatures.get(page.offset, expected) != expected and page.aspage().hash != keyframe.hash:
            raise StackError(
                f"{path.name}: page {number + 1} differs from the first in size or kind, so this is no stack; nothing "
                "was changed. Save the pages that belong together as a file of their own."
            )


def _times(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
