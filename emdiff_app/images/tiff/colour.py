"""From stored samples to light: palettes, white-is-zero, one-bit images, and samples that are channels."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .series import Series

__all__ = ["Colour", "colour_of"]

_WHITE_IS_ZERO, _RGB, _PALETTE, _INKS, _YCBCR = 0, 2, 3, 5, 6
_RAW_MOSAIC = {32803, 34892}
_VALUES_FIRST = {"imagej", "ome", "lsm", "stk", "mmstack", "fluoview", "nih"}
"""Microscope formats, in which a colour table only says how to show the values."""


@dataclass
class Colour:
    """What becomes of the samples of a pixel, and which axis they are: `S`, `C`, or none."""

    letter: str
    dtype: np.dtype[Any]
    added: int = 0
    """The length of a colour axis that the file does not have (an expanded palette)."""
    convert: Callable[[NDArray[Any]], NDArray[Any]] | None = None
    channels: tuple[str, ...] = ()
    significant_bits: int | None = None
    warnings: list[str] = field(default_factory=list)


def colour_of(series: Series, dtype: np.dtype[Any], samples: int) -> Colour:
    """How to read the pixels of `series`, which have `samples` values each."""
    page = series.keyframe
    photometric = int(page.photometric)
    bits = page.bitspersample if isinstance(page.bitspersample, int) else max(page.bitspersample)
    colour = Colour("S" if samples > 1 else "", dtype)
    if dtype.kind == "b":
        colour.dtype, colour.convert = np.dtype(np.uint8), _to_bytes
    if colour.dtype.kind == "u" and bits < 8 * colour.dtype.itemsize:
        colour.significant_bits = bits
    mask = dtype.kind == "b" and str(page.software).startswith(
        "tifffile"
    )  # it calls its True white and means 1
    if photometric == _WHITE_IS_ZERO and samples == 1 and not mask:
        _turn(colour, bits)
    elif photometric == _PALETTE and samples == 1 and page.colormap is not None:
        _apply_palette(colour, page.colormap, series.kind)
    elif photometric == _INKS:
        names = ("cyan", "magenta", "yellow", "black")[:samples]
        colour.letter = "C"
        colour.channels = (*names, *(f"extra {i + 1}" for i in range(samples - len(names))))
        colour.warnings.append("The channels are printing inks (CMYK), not light: 0 is white paper.")
    elif samples > 1 and not (photometric in (_RGB, _YCBCR) and samples in (3, 4)):
        colour.letter = "C"
        _name_alpha(colour, page, samples)
    elif samples == 4:
        colour.warnings.append("The fourth colour sample is transparency (alpha), not light.")
    if photometric in _RAW_MOSAIC:
        colour.warnings.append(
            "This is a raw camera mosaic (Bayer): neighbouring pixels have different colours."
        )
    return colour


def _to_bytes(part: NDArray[Any]) -> NDArray[Any]:
    return part.view(np.uint8) if part.dtype == np.bool_ else part


def _turn(colour: Colour, bits: int) -> None:
    """White is zero: turn the values so that more light is a larger number, as everywhere else."""
    if colour.dtype.kind != "u":
        colour.warnings.append("The file says that white is zero; its values were left as they are.")
        return
    highest = colour.dtype.type(2**bits - 1)
    colour.convert = lambda part: highest - _to_bytes(part)
    colour.warnings.append(
        "The file stores white as zero; the values were turned round, so that larger is brighter."
    )


def _apply_palette(colour: Colour, table: NDArray[Any], kind: str) -> None:
    """A colour table: values that it merely shows stay values, a picture becomes RGB."""
    if kind in _VALUES_FIRST:
        return
    entries = table.shape[-1]
    grey = bool((table == table[0]).all())
    if grey and np.abs(table[0] / 65535 - np.linspace(0, 1, entries)).max() < 1 / 128:
        return
    wide = colour.dtype.itemsize > 1
    lookup = np.ascontiguousarray(table.T if wide else (table >> 8).astype(np.uint8).T)
    colour.significant_bits = None
    colour.dtype = lookup.dtype
    if grey:
        lookup = lookup[:, :1]
        colour.warnings.append("The values were looked up in the grey table of the file.")
    else:
        colour.letter, colour.added = "S", 3
        colour.warnings.append("The file stores colours as a table; they were expanded to RGB.")
    before = colour.convert or (lambda part: part)
    colour.convert = lambda part: lookup[before(part)[..., 0]]


def _name_alpha(colour: Colour, page: Any, samples: int) -> None:
    extra = [int(e) for e in page.extrasamples]
    if samples == 2 and len(extra) == 1 and extra[0] in (1, 2):
        colour.channels = ("gray", "alpha")
        colour.warnings.append("The second channel is transparency (alpha), not light; choose --channel 0.")
