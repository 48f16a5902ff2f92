"""The images of an OME-TIFF: which plane is in which page of which file."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from threading import Lock
from typing import Any

from emdiff_app.errors import StackError

from .ifds import Chain, walk
from .log import collected_messages
from .ome_xml import OmeImage, OmeXml, parse_ome
from .pages import Page, page_of
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


@dataclass(frozen=True)
class _OmePages:
    """Planes in the order of the description, each in a file that is opened when first needed."""

    name: str
    slots: Sequence[tuple[str, int] | None]
    own: Sequence[Page | None]
    others: dict[str, "_Part"]

    def __len__(self) -> int:
        return len(self.slots)

    def page(self, number: int) -> Page:
        slot = self.slots[number]
        if slot is None:
            raise _missing(self.name, number, len(self.slots), "it was never written")
        file, directory = slot
        rows = self.own if not file else self.others[file].pages(number, len(self.slots))
        page = rows[directory] if directory < len(rows) else None
        if page is None:
            raise _missing(self.name, number, len(self.slots), f"it is not in {file or self.name!r}")
        return page

    def here(self) -> Sequence[int]:
        return [number for number, slot in enumerate(self.slots) if slot is None or not slot[0]]


@dataclass
class _Part:
    """Another file of the same stack."""

    path: Path
    keyframe: Any
    found: list[Page | None] | None = None
    lock: Lock = field(default_factory=Lock)

    def pages(self, number: int, count: int) -> Sequence[Page | None]:
        with self.lock:
            if self.found is None:
                if not self.path.is_file():
                    raise _missing(self.path.name, number, count, "that file is missing")
                self.found = self._read()
            return self.found

    def _read(self) -> list[Page | None]:
        import tifffile

        try:
            with collected_messages(), tifffile.TiffFile(self.path, _multifile=False) as file:
                first = file.pages.first
                if first.hash != self.keyframe.hash:
                    raise StackError(
                        f"{self.path.name}: its pages differ in size or kind from the rest of the stack; nothing was "
                        "changed. Check that the files belong together."
                    )
                return _rows_like(file, walk(self.path), self.path, first)
        except (StackError, OSError):
            raise
        except Exception as error:
            raise StackError(
                f"{self.path.name}: it is damaged; copy it again, it is part of the stack."
            ) from error


def _missing(name: str, number: int, count: int, why: str) -> StackError:
    return StackError(
        f"{name}: plane {number + 1} of {count} is missing ({why}); nothing was changed. Copy all files of the stack "
        "into one folder, or leave that plane out."
    )


def _series(image: OmeImage, xml: OmeXml, file: Any, chain: Chain, path: Path, here: Path | None) -> Series:
    keyframe = file.pages.first
    warnings = list(image.warnings)
    shape, axes, outer = _dimensions(image, keyframe, warnings)
    placed = _place(image, outer, xml, len(chain), path, here, warnings)
    first = next((d for f, d in (s for s in placed.slots if s) if not f), 0)
    if first and first < len(chain):
        keyframe = file.pages.get(first, aspage=True)
        shape, axes, outer = _dimensions(image, keyframe, [])
    own = _rows_like(file, chain, path if here is None else here, keyframe)
    parts = {name: _Part(where, keyframe) for name, where in placed.files.items()}
    slots, outer = _without_unwritten(placed.slots, outer, own, warnings)
    return Series(
        "ome",
        image.name,
        axes,
        (*outer.values(), *shape),
        keyframe,
        _OmePages(path.name, slots, own, parts),
        warnings,
        dict(image.pixel_size),
        image.channels,
        image.significant_bits,
        (path, *placed.files.values()) if placed.files else (),
    )


def _rows_like(file: Any, chain: Chain, path: Path, keyframe: Any) -> list[Page | None]:
    """The pages of the file that can be decoded like `keyframe`."""
    expected = chain.signatures.get(keyframe.offset)
    file.pages.useframes = True
    file.pages._keyframe = keyframe
    rows: list[Page | None] = []
    for number, signature in enumerate(chain.signatures.values()):
        if signature == expected:
            rows.append(page_of(file.pages[number], path))
        else:
            page = file.pages.get(number, aspage=True)
            rows.append(page_of(page, path) if page.hash == keyframe.hash else None)
    return rows


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
    count = 1
    for n in outer.values():
        count *= n
    slots: list[tuple[str, int] | None] = [None] * count
    files: dict[str, Path] = {}
    named = {b.file for b in image.blocks if b.file}
    renamed = len(named) == 1 and here is not None and not (path.parent / next(iter(named))).exists()
    refused: set[str] = set()
    for block in image.blocks:
        file = block.file or ""
        if here is not None and (
            file in ("", here.name) or (block.uuid and block.uuid == xml.uuid) or renamed
        ):
            file = ""
        elif (where := inside(path.parent, file)) is None:
            refused.add(file or "(no name)")
            continue
        else:
            files[file] = where
        available = (
            pages if not file else len(walk(files[file])) if files[file].is_file() and not block.count else 0
        )
        number = block.count or max(1, available - block.ifd)
        start = 0
        for (axis, at), length in zip(block.first, outer.values(), strict=True):
            start = start * length + (at // image.samples if axis == "C" else at)
        for i in range(min(number, count - start) if start < count else 0):
            slots[start + i] = (file, block.ifd + i)
    if not image.blocks and here is not None:
        slots = [("", i) if i < pages else None for i in range(count)]
    if renamed:
        warnings.append(
            f"The file was called {next(iter(named))!r} when written; it is read under its new name."
        )
    absent = sorted(name for name, where in files.items() if not where.is_file())
    if absent:
        more = f" and {len(absent) - 6} more" if len(absent) > 6 else ""
        warnings.append(
            f"Files of this stack are missing: {', '.join(absent[:6])}{more}; put them beside {path.name}."
        )
    if refused:
        warnings.append(
            f"The OME-XML points outside its folder ({', '.join(sorted(refused)[:3])}); such files are not opened."
        )
    return _Placed(slots, files)


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
