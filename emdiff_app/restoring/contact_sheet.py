"""A contact sheet: pictures side by side with a word under each, as one PNG."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from emdiff_app.images.atomic import replacing

__all__ = ["write_contact_sheet"]

GAP, CAPTION = 6, 22
INK, PAPER = 235, 24


def write_contact_sheet(
    path: Path,
    rows: Sequence[Mapping[str, NDArray[Any]]],
    *,
    limits: tuple[float, float],
    enlarge: int = 1,
    gamma: float = 0.7,
) -> None:
    """Write `rows` of captioned planes, all with the same grey scale, so that they can be compared."""
    tiles = [[_tile(image, limits, enlarge, gamma) for image in row.values()] for row in rows]
    height, width = tiles[0][0].shape
    columns = max(len(row) for row in tiles)
    size = (columns * (width + GAP) + GAP, len(rows) * (height + CAPTION + GAP) + GAP)
    sheet = Image.new("L", size, PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for r, (row, words) in enumerate(zip(tiles, rows, strict=True)):
        for c, (tile, word) in enumerate(zip(row, words, strict=True)):
            at = (GAP + c * (width + GAP), GAP + r * (height + CAPTION + GAP))
            sheet.paste(Image.fromarray(tile), at)
            pen.text((at[0] + 2, at[1] + height + 3), word, fill=INK, font=font)
    with replacing(path, overwrite=True) as temporary:
        sheet.save(temporary, "PNG")


def _tile(image: NDArray[Any], limits: tuple[float, float], enlarge: int, gamma: float) -> NDArray[np.uint8]:
    low, high = limits
    grey = np.clip((image - low) / (high - low), 0, 1) ** gamma
    tile: NDArray[np.uint8] = (255 * grey).astype(np.uint8)
    return tile.repeat(enlarge, 0).repeat(enlarge, 1)
