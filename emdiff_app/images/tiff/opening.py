"""TIFF and its many relatives as stacks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from emdiff_app.errors import StackError

from ..axes import map_axes
from ..overrides import PixelSizes, override
from ..photos import open_photo
from ..provenance import from_info, from_ome_xml
from ..stack import Stack
from .colour import Colour, colour_of
from .health import check_pages
from .ifds import walk
from .images import choose, images_of
from .log import collected_messages, worth_saying
from .metadata import describe
from .ome_series import files_named, inside
from .ome_set import LARGEST_COMPANION
from .open_files import OpenFiles
from .pages import Coding, coding_of
from .reader import TiffReader, rows_position
from .series import Series

__all__ = ["open_companion", "open_tiff"]

_YCBCR = 6
_NEW_JPEG = {7, 33007, 34892}


def open_tiff(
    path: Path,
    *,
    axes: str | None = None,
    pixel_size: PixelSizes | None = None,
    channel: int | str | None = None,
    series: int | None = None,
    companion: tuple[Path, str] | None = None,
) -> Stack:
    """The stack in a TIFF file; nothing but its directories is read.

    `companion` is a file that describes this one and its OME-XML.
    """
    chain = walk(path)
    if not len(chain):
        raise StackError(
            f"{path.name}: it is no usable TIFF, since {chain.problem or 'it holds no image'}; nothing was changed. "
            "Copy it again from where it was recorded."
        )
    with collected_messages() as messages, _tifffile(path) as file:
        found, notes = images_of(file, chain, path, companion)
        chosen, others = choose(found, series, path.name)
        better = _better_with_pillow(chosen, path, axes)
        if better is None:
            describe(chosen, file)
            stack = _stack(chosen, file, path, axes)
        else:
            stack = better
    if chain.problem:
        notes.append(f"The file is damaged ({chain.problem}); what comes before was opened. Copy it again.")
    stack = stack.with_(warnings=(*notes, *others, *worth_saying(messages), *stack.warnings))
    return override(stack, pixel_size, channel)


def open_companion(path: Path, **overrides: Any) -> Stack:
    """The stack that an OME companion file describes, from the TIFFs beside it."""
    if path.stat().st_size > LARGEST_COMPANION:
        raise StackError(
            f"{path.name}: it is too large for a description of a stack; open one of its TIFFs instead."
        )
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        names = files_named(text)
    except ValueError as error:
        raise StackError(
            f"{path.name}: its OME-XML cannot be used ({error}); open one of its TIFFs instead."
        ) from error
    for name in names:
        part = inside(path.parent, name)
        if part is not None and part.is_file():
            stack = open_tiff(part, companion=(path, text), **overrides)
            return stack.with_(name=path.name, source=path)
    raise StackError(f"{path.name}: none of the TIFFs that it describes is in its folder; copy them there.")


@contextmanager
def _tifffile(path: Path) -> Iterator[Any]:
    """tifffile's view of the file; whatever it stumbles over is the file's fault and said so."""
    import tifffile

    file = None
    try:
        with np.errstate(all="ignore"):
            file = tifffile.TiffFile(path, _multifile=False)
        # Damaged numbers divide by zero inside; errstate keeps numpy quiet about it, in this thread only.
        with np.errstate(all="ignore"):
            yield file
    except (StackError, OSError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise StackError(
            f"{path.name}: it is damaged or of a kind that cannot be read ({reason}); nothing was changed. "
            "Copy it again, or save it as a plain TIFF."
        ) from error
    finally:
        if file is not None:
            file.close()


def _better_with_pillow(series: Series, path: Path, axes: str | None) -> Stack | None:
    """Old JPEG and YCbCr colours, which libtiff decodes; single pictures all of them."""
    from tifffile import TIFF

    page = series.keyframe
    if int(page.photometric) != _YCBCR or int(page.compression) in _NEW_JPEG:
        if int(page.compression) == 1 or page.compression in TIFF.DECOMPRESSORS:
            return None
        raise StackError(
            f"{path.name}: its compression ({_compression(page)}) cannot be decoded here; nothing was changed. "
            "Save it uncompressed or with LZW and open that."
        )
    pages = len(series.pages)
    more = (f"Only the first of {pages} pages was opened.",) if pages > 1 else ()
    try:
        stack = open_photo(path, axes=axes, formats=("TIFF",), said=more)
        stack.plane((0,) * len(stack.outer_axes))
    except StackError as error:
        raise StackError(
            f"{path.name}: its colours (YCbCr, {_compression(page) or 'uncompressed'}) cannot be decoded here; nothing "
            "was changed. Save it as RGB and open that."
        ) from error
    return stack.with_(compression=_compression(page), format="TIFF")


def _stack(series: Series, file: Any, path: Path, axes: str | None) -> Stack:
    coding = coding_of(series.keyframe, path.name)
    told = check_pages(series, coding, path.name)
    rows_at = rows_position(series.axes, series.shape, coding, len(series.pages))
    if rows_at is None:
        raise StackError(
            f"{path.name}: its description ({' x '.join(map(str, series.shape))}) does not fit its pages; nothing was "
            "changed. Save it as a plain TIFF."
        )
    colour = colour_of(series, coding.dtype, coding.shape[0] * coding.shape[4])
    found, shape = _with_colour(series, colour, coding, rows_at)
    mapped = map_axes(found, shape, axes, name=path.name)
    if mapped.letters[rows_at : rows_at + 2] != "YX":
        raise StackError(
            f"{path.name}: --axes {axes} puts rows and columns elsewhere than the pages of the file have them; "
            "keep YX where the file has it, or save the stack with its axes in another order."
        )
    reader = TiffReader(OpenFiles(), series.pages, coding, colour, mapped, rows_at, told)
    return Stack(
        reader,
        mapped.axes,
        mapped.stack_shape,
        np.dtype(colour.dtype),
        name=path.name,
        pixel_size={a: s for a, s in series.pixel_size.items() if a in mapped.axes},
        channels=_channels(series, colour, mapped.stack_shape, mapped.axes),
        significant_bits=series.significant_bits or colour.significant_bits,
        compression=_compression(series.keyframe),
        format=_format(series.kind, file),
        source=path,
        warnings=(*series.warnings, *colour.warnings, *mapped.warnings),
        extras={**_extras(file), **({"files": series.files} if series.files else {})},
    )


def _with_colour(series: Series, colour: Colour, coding: Coding, rows_at: int) -> tuple[str, tuple[int, ...]]:
    """The axes of the file with its samples named for what they are."""
    letters, shape = list(series.axes), series.shape
    letters[rows_at : rows_at + 2] = "YX"
    for i, letter in enumerate(letters):
        if letter == "S":
            taken = colour.letter == "C" and any(
                a == "C" and n > 1 for a, n in zip(letters, shape, strict=True)
            )
            letters[i] = "Q" if taken else (colour.letter or "S")
    if colour.added:
        if len(letters) > rows_at + 2:
            letters, shape = letters[: rows_at + 2], shape[: rows_at + 2]
        letters, shape = [*letters, "S"], (*shape, colour.added)
    return "".join(letters), shape


def _channels(series: Series, colour: Colour, shape: tuple[int, ...], axes: str) -> tuple[str, ...]:
    count = dict(zip(axes, shape, strict=True)).get("C", 1)
    names = series.channels or colour.channels
    return names if len(names) == count else ()


def _compression(page: Any) -> str | None:
    return None if page.compression == 1 else page.compression.name.lower().replace("_", "-")


def _format(kind: str, file: Any) -> str:
    names = {
        "imagej": "ImageJ TIFF",
        "ome": "OME-TIFF",
        "lsm": "LSM",
        "stk": "STK",
        "mmstack": "Micro-Manager TIFF",
    }
    return names.get(kind, "BigTIFF" if file.is_bigtiff else "TIFF")


def _extras(file: Any) -> dict[str, Any]:
    """What a writer of the same format can give back; long descriptions are cut off, not kept."""
    extras: dict[str, Any] = {}
    if file.is_imagej and file.imagej_metadata:
        extras["imagej"] = dict(file.imagej_metadata)
        extras["provenance"] = from_info(str(file.imagej_metadata.get("Info", "")))
    if file.is_ome and (xml := file.ome_metadata) and len(xml) <= 1 << 20:
        extras["ome_xml"] = xml
        extras["provenance"] = from_ome_xml(xml)
    return {key: value for key, value in extras.items() if value}
