"""The pixels of one TIFF page: read without trusting the file, with nothing silently zero."""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from operator import lt
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emdiff_app.errors import StackError

from .jpeg_size import declared_size
from .log import collected_messages
from .open_files import OpenFiles

__all__ = ["Coding", "Page", "Part", "check_declared_size", "coding_of", "is_sparse", "page_of", "read_part"]

_JPEG = {6, 7, 33007, 34892}
_LARGE = 64 << 20
_HIGHEST_RATIO = 5000
"""Beyond this, and for large images only, a file claims more pixels than its bytes can hold."""


class Page(NamedTuple):
    """Where the pieces (strips or tiles) of one page are."""

    path: Path
    offsets: Sequence[int]
    counts: Sequence[int]
    jpeg_tables: bytes | None = None

    def missing(self) -> int:
        """How many pieces were never written: their place or their size is zero."""
        return sum(1 for o, c in zip(self.offsets, self.counts, strict=False) if not o or not c)

    def end(self) -> int:
        """The last byte that this page needs."""
        return max((o + c for o, c in zip(self.offsets, self.counts, strict=False)), default=0)


class Part(NamedTuple):
    """What is wanted of a page: rows and columns of one of its separate samples and depths."""

    sample: int
    depth: int
    rows: slice
    columns: slice


@dataclass(frozen=True)
class Coding:
    """How the pages of a series are stored; the same for all of them."""

    shape: tuple[int, int, int, int, int]
    """Separate samples, depth, rows, columns, samples side by side."""
    dtype: np.dtype[Any]
    byteorder: str
    plain: bool
    """The pixels stand in the file as they stand in memory, up to the order of bytes."""
    piece: tuple[int, int, int]
    """Depth, rows and columns of a strip or tile."""
    decode: Callable[..., Any]
    compression: int
    jpeg_header: bytes | None
    workers: int
    fill: float
    sparse: bool
    """The file says that missing pieces mean "no data" (GDAL)."""

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def grid(self) -> tuple[int, int, int]:
        """How many pieces there are along depth, rows and columns."""
        _, depth, rows, columns, _ = self.shape
        d, r, c = self.piece
        return -(-depth // d), -(-rows // r), -(-columns // c)

    @property
    def pieces(self) -> int:
        return self.shape[0] * math.prod(self.grid)


def coding_of(keyframe: Any, name: str) -> Coding:
    """The coding of a tifffile page, checked for what would take memory or time without end."""
    shape = tuple(int(n) for n in keyframe.shaped)
    if keyframe._dtype is None or keyframe.dtype is None or 0 in shape:
        raise StackError(
            f"{name}: its pixels have {keyframe.bitspersample} bits in a form that cannot be read; nothing was "
            "changed. Save it as 8-bit, 16-bit or 32-bit TIFF."
        )
    if keyframe.dtype.kind == "c":
        raise StackError(f"{name}: its pixels are complex numbers; save magnitude or phase and open that.")
    if keyframe.is_tiled:
        piece = (keyframe.tiledepth, keyframe.tilelength, keyframe.tilewidth)
    else:
        piece = (1, min(keyframe.rowsperstrip, shape[2]), shape[3])
    if min(piece) < 1:
        raise StackError(f"{name}: its tiles have no size, so the file is damaged; copy it again.")
    return Coding(
        shape=shape,  # type: ignore[arg-type]
        dtype=np.dtype(keyframe._dtype).newbyteorder("="),
        byteorder=keyframe.parent.byteorder,
        plain=bool(keyframe.is_final),
        piece=piece,
        decode=keyframe.decode,
        compression=int(keyframe.compression),
        jpeg_header=keyframe.jpegheader,
        workers=int(keyframe.maxworkers),
        fill=keyframe.nodata,
        sparse=is_sparse(keyframe),
    )


def is_sparse(keyframe: Any) -> bool:
    """Whether the file comes from GDAL, where a tile that was never written means "no data"."""
    return 42112 in keyframe.tags or 42113 in keyframe.tags


def page_of(page: Any, path: Path) -> Page:
    """The places that a tifffile page lists; StackError where they are no numbers."""
    if not all(type(n) is int for n in (*page.dataoffsets, *page.databytecounts)):
        raise StackError(f"{path.name}: the places of its strips or tiles are damaged; copy the file again.")
    return Page(path, page.dataoffsets, page.databytecounts, page.jpegtables)


def check_declared_size(page: Page, coding: Coding, name: str) -> None:
    """Refuse an image that is far larger than the bytes which are said to hold it."""
    stored = sum(page.counts)
    piece = math.prod(coding.piece) * coding.shape[4] * coding.dtype.itemsize
    whole = coding.nbytes
    missing = page.missing()
    largest = max(page.counts, default=0)
    if (
        (whole > _LARGE and not missing and whole > _HIGHEST_RATIO * stored)
        or (piece > _LARGE and piece > _HIGHEST_RATIO * largest)
        or (piece > 4 * _LARGE and piece > 16 * whole)
        or (len(page.offsets) < coding.pieces and not coding.plain)
    ):
        raise _too_little(coding, stored, name)


def _too_little(coding: Coding, stored: int, name: str) -> StackError:
    _, _, rows, columns, _ = coding.shape
    return StackError(
        f"{name}: it claims {columns} x {rows} pixels but holds only {stored} bytes of them, so it is damaged; "
        "nothing was changed. Copy it again from where it was recorded."
    )


def read_part(files: OpenFiles, page: Page, coding: Coding, part: Part, announced: bool) -> NDArray[Any]:
    """A part of a page, as (rows, columns, samples).

    `announced` says that the user was told about missing pieces, which then read as the fill value.
    """
    if coding.plain and _is_one_run(page, coding):
        return _read_plain(files, page, coding, part)[:, part.columns]
    return _read_pieces(files, page, coding, part, announced)


def _is_one_run(page: Page, coding: Coding) -> bool:
    """Strips one after the other; tifffile checks it for the first page only."""
    offsets, counts = page.offsets, page.counts
    if not offsets or not offsets[0]:
        return False
    if len(offsets) == 1 or len(counts) < 2:
        return True
    # As quick as it can be said for thousands of strips: in order, and together exactly as long as the page.
    span = offsets[-1] + counts[-1] - offsets[0]
    return span == coding.nbytes == sum(counts) and all(map(lt, offsets, offsets[1:]))


def _read_plain(files: OpenFiles, page: Page, coding: Coding, part: Part) -> NDArray[Any]:
    """The wanted rows in their full width."""
    _, depths, height, width, samples = coding.shape
    line = width * samples * coding.dtype.itemsize
    first = (part.sample * depths + part.depth) * height + part.rows.start
    pixels = np.empty((part.rows.stop - part.rows.start, width, samples), coding.dtype)
    if pixels.size:
        files.read_into(page.path, page.offsets[0] + first * line, pixels.reshape(-1).view(np.uint8).data)
    if coding.dtype.itemsize > 1 and coding.byteorder != _NATIVE:
        pixels.byteswap(inplace=True)
    return pixels


_NATIVE = "<" if np.dtype("<u2").isnative else ">"


def _read_pieces(files: OpenFiles, page: Page, coding: Coding, part: Part, announced: bool) -> NDArray[Any]:
    if min(len(page.offsets), len(page.counts)) < coding.pieces:
        raise StackError(
            f"{page.path.name}: it lists {min(len(page.offsets), len(page.counts))} of the {coding.pieces} strips or "
            "tiles of a plane, so it is damaged; nothing was changed. Copy it again."
        )
    _, depth, rows, columns = part
    pixels = np.empty((rows.stop - rows.start, columns.stop - columns.start, coding.shape[4]), coding.dtype)
    if not pixels.size:
        return pixels

    def place(number: int) -> None:
        data = _piece(files, page, coding, number, announced or coding.sparse)
        decoded, at, shape = _decoded(coding, page, data, number)
        top, left = max(at[2], rows.start), max(at[3], columns.start)
        bottom, right = min(at[2] + shape[1], rows.stop), min(at[3] + shape[2], columns.stop)
        target = pixels[top - rows.start : bottom - rows.start, left - columns.start : right - columns.start]
        if decoded is None:
            target[...] = coding.fill
        else:
            target[...] = decoded[depth - at[1], top - at[2] : bottom - at[2], left - at[3] : right - at[3]]

    with collected_messages():
        numbers = list(_pieces_in(coding, part))
        if coding.workers > 1 and len(numbers) > 3:
            with ThreadPoolExecutor(coding.workers) as pool:
                list(pool.map(place, numbers))
        else:
            for number in numbers:
                place(number)
    return pixels


def _pieces_in(coding: Coding, part: Part) -> Iterator[int]:
    """The numbers of the strips or tiles that a part touches."""
    across_depth, down, across = coding.grid
    d, r, c = coding.piece
    plane = part.sample * across_depth + part.depth // d
    for row in range(part.rows.start // r, -(-part.rows.stop // r)):
        for column in range(part.columns.start // c, -(-part.columns.stop // c)):
            yield (plane * down + row) * across + column


def _piece(files: OpenFiles, page: Page, coding: Coding, number: int, announced: bool) -> bytes | None:
    offset, count = page.offsets[number], page.counts[number]
    size = math.prod(coding.piece) * coding.shape[4] * coding.dtype.itemsize
    if count and size > _LARGE and size > _HIGHEST_RATIO * count:
        raise _too_little(coding, count, page.path.name)
    if offset and count:
        return files.read(page.path, offset, count)
    if announced:
        return None
    raise StackError(
        f"{page.path.name}: strip or tile {number + 1} of a plane was never written; nothing was changed. "
        "Copy the file again, or leave that plane out."
    )


def _decoded(coding: Coding, page: Page, data: bytes | None, number: int) -> Any:
    options: dict[str, Any] = {}
    if coding.compression in _JPEG:
        options = {"jpegtables": page.jpeg_tables, "jpegheader": coding.jpeg_header}
        if data is not None:
            _check_jpeg(coding, page, data, number)
    try:
        return coding.decode(data, number, **options)
    except StackError:
        raise
    except Exception as error:
        raise StackError(
            f"{page.path.name}: strip or tile {number + 1} of a plane cannot be decoded ({_reason(error)}); "
            "nothing was changed. Copy the file again, or save it without that compression."
        ) from error


def _check_jpeg(coding: Coding, page: Page, data: bytes, number: int) -> None:
    """A JPEG decoder trusts the size inside the data and fills in what is cut off; we do not."""
    size = declared_size(data)
    most = max(coding.piece[1], coding.shape[2]) * max(coding.piece[2], coding.shape[3])
    if (size and math.prod(size) > max(4 * most, 1 << 20)) or b"\xff\xd9" not in data[-64:]:
        raise StackError(
            f"{page.path.name}: the JPEG data of strip or tile {number + 1} is cut off or damaged; "
            "nothing was changed. Copy the file again from where it was recorded."
        )


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 100 else text[:97] + "..."
