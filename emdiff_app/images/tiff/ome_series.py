"""The images of an OME-TIFF: which plane is in which page of which file."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

from .ifds import Chain, walk
from .ome_pages import OmePages, OmePart, rows_like
from .ome_xml import OmeBlock, OmeImage, OmeXml, parse_ome
from .pages import Page
from .series import Series

__all__ = ["files_named", "from_ome", "inside"]

_TYPES = {
    "float": "float32",
    "double": "float64",
    "bit": "bool",
    "complex": "complex64",
    "double-complex": "complex128",
}


def from_ome(
    file: Any, text: str, chain: Chain, path: Path, here: Path | None
) -> tuple[list[Series], list[str]]:
    """The images that the OME-XML `text` describes, and what is to be said.

    `path` is where the description was found; `here` is the file whose pages stand for a plane without a
    file name. An empty list means that the description is of no use; the pages speak for themselves then.
    """
    try:
        xml = parse_ome(text)
    except ValueError as error:
        return [], [f"The OME-XML of the file cannot be used ({error}); its pages were taken as they stand."]
    if xml.master:
        return [], [
            f"This is one part of a larger OME-TIFF; open {Path(xml.master).name!r} beside it for the whole stack."
        ]
    series, said = [], []
    for image in xml.images:
        try:
            series.append(_series(image, xml, file, chain, path, here))
        except ValueError as error:
            said.append(f"The OME-XML disagrees with the pages of the file ({error}); it was left aside.")
    return series, said[:1]


def files_named(text: str) -> list[str]:
    """The files that hold the planes which the OME-XML `text` describes; ValueError where it cannot be used."""
    return list(dict.fromkeys(b.file for image in parse_ome(text).images for b in image.blocks if b.file))


def _series(image: OmeImage, xml: OmeXml, file: Any, chain: Chain, path: Path, here: Path | None) -> Series:
    keyframe = file.pages.first
    warnings = list(image.warnings)
    shape, axes, outer = _dimensions(image, keyframe, warnings)
    placed = _place(image, outer, xml, len(chain), path, here, warnings)
    first = next((d for f, d in (s for s in placed.slots if s) if not f), 0)
    if first and first < len(chain):
        keyframe = file.pages.get(first, aspage=True)
        shape, axes, outer = _dimensions(image, keyframe, [])
    own = rows_like(file, chain, path if here is None else here, keyframe)
    parts = {name: OmePart(where, keyframe) for name, where in placed.files.items()}
    slots, outer = _without_unwritten(placed.slots, outer, own, warnings)
    return Series(
        "ome",
        image.name,
        axes,
        (*outer.values(), *shape),
        keyframe,
        OmePages(path.name, slots, own, parts),
        warnings,
        dict(image.pixel_size),
        image.channels,
        image.significant_bits,
        (path, *placed.files.values()) if placed.files else (),
    )


def _dimensions(
    image: OmeImage, keyframe: Any, warnings: list[str]
) -> tuple[tuple[int, ...], str, dict[str, int]]:
    """The shape of one page, all axes, and how many planes there are along each; the pages are believed."""
    separate, depth, rows, columns, beside = (int(n) for n in keyframe.shaped)
    samples = separate * beside
    outer = dict(image.outer)
    if depth != 1:
        raise ValueError("its pages are volumes")
    if samples != image.samples:
        if outer["C"] * image.samples % samples:
            raise ValueError(f"its pages have {samples} samples, not {image.samples}")
        outer["C"] = outer["C"] * image.samples // samples
        warnings.append(
            f"The OME-XML says {image.samples} samples per pixel, the pages have {samples}; they are believed."
        )
    if (image.sizes["Y"], image.sizes["X"]) != (rows, columns):
        warnings.append(
            f"The OME-XML says {image.sizes['X']} x {image.sizes['Y']} pixels, the pages have {columns} x {rows}; the "
            "pages are believed."
        )
    said = _TYPES.get(image.pixel_type, image.pixel_type)
    if said and keyframe.dtype is not None and said != keyframe.dtype.name:
        warnings.append(
            f"The OME-XML says {said}, the pages have {keyframe.dtype.name}; the pages are believed."
        )
    letters = "".join(outer)
    if separate > 1:
        return (separate, rows, columns), f"{letters}SYX", outer
    return (rows, columns, beside), f"{letters}YXS", outer


@dataclass
class _Placed:
    slots: list[tuple[str, int] | None]
    files: dict[str, Path]


def _place(
    image: OmeImage,
    outer: dict[str, int],
    xml: OmeXml,
    pages: int,
    path: Path,
    here: Path | None,
    warnings: list[str],
) -> _Placed:
    """Which directory of which file holds each plane."""
    count = math.prod(outer.values())
    slots: list[tuple[str, int] | None] = [None] * count
    files: dict[str, Path] = {}
    named = {b.file for b in image.blocks if b.file}
    renamed = len(named) == 1 and here is not None and not (path.parent / next(iter(named))).exists()
    refused: set[str] = set()
    for block in image.blocks:
        file = block.file or ""
        same = bool(block.uuid) and block.uuid == xml.uuid
        if here is not None and (renamed or same or file in ("", here.name)):
            file = ""
        elif (where := inside(path.parent, file)) is None:
            refused.add(file or "(no name)")
            continue
        else:
            files[file] = where
        start = _first_slot(block, image, outer)
        length = block.count or _pages_from(block.ifd, files.get(file), pages)
        for i in range(min(length, count - start)):
            slots[start + i] = (file, block.ifd + i)
    if not image.blocks and here is not None:
        slots = [("", i) if i < pages else None for i in range(count)]
    if renamed:
        warnings.append(
            f"The file was called {next(iter(named))!r} when written; it is read under its new name."
        )
    warnings += _told_of_files(files, refused, path.name)
    return _Placed(slots, files)


def _first_slot(block: OmeBlock, image: OmeImage, outer: dict[str, int]) -> int:
    """The number of the plane at which a block begins."""
    number = 0
    for (axis, at), length in zip(block.first, outer.values(), strict=True):
        number = number * length + (at // image.samples if axis == "C" else at)
    return number


def _pages_from(first: int, file: Path | None, own: int) -> int:
    """How many pages a block has that does not say it: all from `first`, and one in a file that is missing."""
    available = own if file is None else len(walk(file)) if file.is_file() else 0
    return max(1, available - first)


def _told_of_files(files: dict[str, Path], refused: set[str], name: str) -> list[str]:
    said = []
    absent = sorted(file for file, where in files.items() if not where.is_file())
    if absent:
        more = f" and {len(absent) - 6} more" if len(absent) > 6 else ""
        said.append(
            f"Files of this stack are missing: {', '.join(absent[:6])}{more}; put them beside {name}."
        )
    if refused:
        listed = ", ".join(sorted(refused)[:3])
        said.append(f"The OME-XML points outside its folder ({listed}); such files are not opened.")
    return said


def inside(folder: Path, name: str) -> Path | None:
    """The file `name` if it lies in `folder` or below it."""
    parts = PureWindowsPath(name)
    if not name or parts.is_absolute() or parts.drive or parts.root or "\0" in name:
        return None
    where = folder.joinpath(*parts.parts)
    return where if where.resolve().is_relative_to(folder.resolve()) else None


def _without_unwritten(
    slots: list[tuple[str, int] | None],
    outer: dict[str, int],
    own: Sequence[Page | None],
    warnings: list[str],
) -> tuple[list[tuple[str, int] | None], dict[str, int]]:
    """A stopped acquisition: leave out whole blocks at the end of the slowest axis that were never written."""
    slowest = next((axis for axis, n in outer.items() if n > 1), None)
    if slowest is None:
        return slots, outer
    block = len(slots) // outer[slowest]
    there = [s is not None and (bool(s[0]) or (s[1] < len(own) and own[s[1]] is not None)) for s in slots]
    kept = next((i + 1 for i in reversed(range(len(slots))) if there[i]), 0)
    whole = -(-kept // block)
    if whole == outer[slowest] or not whole:
        return slots, outer
    warnings.append(
        f"The OME-XML promises {outer[slowest]} along {slowest}, but the file ends after {whole}; the stack is as long "
        "as what was written."
    )
    return slots[: whole * block], {**outer, slowest: whole}
