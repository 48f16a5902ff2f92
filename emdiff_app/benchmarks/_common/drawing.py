"""Plots and picture grids as small PNG files: bars, lines, and images in rows with a word beside each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = ["bars", "grid", "lines"]

PAPER, INK, PALE = (255, 255, 255), (34, 34, 34), (205, 205, 205)
COLOURS = ((11, 92, 173), (160, 60, 0), (30, 120, 60), (120, 60, 150), (110, 110, 110))
WIDE, HIGH, LEFT, RIGHT, TOP, BOTTOM = 640, 360, 60, 16, 34, 48
ROW = 26
KEY = 16
"""The height of a row of names with their colours."""
FALL = 20.0
"""Bars that end so far below the best show no more than that they are bad."""

Font = Any


def bars(
    path: Path, title: str, values: Mapping[str, Sequence[float | None]], legend: Sequence[str], unit: str
) -> None:
    """A group of bars for each name, one below the other; None leaves one out."""
    group = ROW + 12 * (len(legend) - 1)
    left, high = 250, TOP + len(values) * group + BOTTOM
    sheet, pen, font = _sheet(WIDE + 120, high, title)
    known = [v for row in values.values() for v in row if v is not None]
    top = max(known)
    low = math.floor(max(min(known) - 1, top - FALL))
    scale = (WIDE + 120 - left - 60) / max(top - low, 1e-9)
    for number, (name, row) in enumerate(values.items()):
        y = TOP + number * group
        pen.text((left - 8, y + group / 2), name, fill=INK, font=font, anchor="rm")
        for k, value in enumerate(row):
            if value is None:
                continue
            upper = y + 5 + 12 * k
            end = left + (value - low) * scale
            pen.rectangle((left, upper, max(end, left + 1), upper + 9), fill=COLOURS[k])
            pen.text((end + 4, upper + 4), f"{value:.2f}", fill=INK, font=_font(11), anchor="lm")
    _legend(pen, dict(zip(legend, COLOURS, strict=False)), (left, high - BOTTOM + 14))
    pen.text((WIDE + 104, high - BOTTOM + 20), f"{unit}, from {low}", fill=INK, font=_font(11), anchor="rm")
    _save(sheet, path)


def lines(
    path: Path,
    title: str,
    series: Mapping[str, Sequence[tuple[float, float]]],
    axes: tuple[str, str],
    *,
    logarithmic: bool = False,
) -> None:
    """Points joined by lines; `axes` are the words at the axes, and the first may be logarithmic."""
    keys = _wrapped(list(series), WIDE - LEFT - RIGHT)
    sheet, pen, font = _sheet(WIDE, HIGH + KEY * (len(keys) - 1), title)
    points = [p for s in series.values() for p in s]
    xs, ys = ([p[k] for p in points] for k in (0, 1))
    along = math.log10 if logarithmic else float
    x0, x1 = along(min(xs)), along(max(xs))
    y0, y1 = _room(min(ys), max(ys))

    def at(point: tuple[float, float]) -> tuple[float, float]:
        x = LEFT + (along(point[0]) - x0) / max(x1 - x0, 1e-9) * (WIDE - LEFT - RIGHT - 10)
        return x, HIGH - BOTTOM - (point[1] - y0) / (y1 - y0) * (HIGH - TOP - BOTTOM)

    for tick in np.linspace(y0, y1, 5):
        y = at((xs[0], float(tick)))[1]
        pen.line((LEFT, y, WIDE - RIGHT, y), fill=PALE)
        pen.text((LEFT - 6, y), f"{tick:.3g}", fill=INK, font=_font(11), anchor="rm")
    for tick in _ticks(sorted(set(xs))):
        pen.text((at((tick, y0))[0], HIGH - BOTTOM + 6), f"{tick:g}", fill=INK, font=_font(11), anchor="mt")
    for (_, found), colour in zip(series.items(), COLOURS, strict=False):
        drawn = [at(p) for p in found]
        pen.line(drawn, fill=colour, width=2)
        for x, y in drawn if len(drawn) < 20 else ():
            pen.ellipse((x - 3, y - 3, x + 3, y + 3), fill=colour)
    pen.text((WIDE - RIGHT, HIGH - 30), axes[0], fill=INK, font=font, anchor="rt")
    pen.text((6, TOP - 8), axes[1], fill=INK, font=font, anchor="lb")
    for row, names in enumerate(keys):
        _legend(pen, names, (LEFT, HIGH - 14 + KEY * row))
    _save(sheet, path)


def grid(path: Path, rows: Mapping[str, NDArray[np.uint8]], *, enlarge: int = 2, columns: int = 6) -> None:
    """Rows of images `(N, C, Y, X)`, grey or RGB, each row with its name on the left."""
    font, left, gap = _font(13), 230, 3
    side = next(iter(rows.values())).shape[-2:]
    high, wide = (n * enlarge + gap for n in side)
    count = min(columns, *(len(images) for images in rows.values()))
    sheet = Image.new("RGB", (left + count * wide + gap, len(rows) * high + gap), PAPER)
    pen = ImageDraw.Draw(sheet)
    for r, (name, images) in enumerate(rows.items()):
        pen.text((left - 8, gap + r * high + high / 2), name, fill=INK, font=font, anchor="rm")
        for c in range(count):
            pixels = np.moveaxis(images[c], 0, -1)
            pixels = np.repeat(pixels, 3, -1) if pixels.shape[-1] == 1 else pixels
            tile = Image.fromarray(np.ascontiguousarray(pixels.repeat(enlarge, 0).repeat(enlarge, 1)))
            sheet.paste(tile, (left + c * wide, gap + r * high))
    _save(sheet, path)


def _ticks(values: list[float]) -> list[float]:
    """Few enough to be read."""
    return values if len(values) <= 8 else values[:: -(-len(values) // 8)]


def _room(low: float, high: float) -> tuple[float, float]:
    margin = 0.08 * (high - low) or 0.5
    return low - margin, high + margin


def _wrapped(names: Sequence[str], wide: float) -> list[dict[str, tuple[int, int, int]]]:
    """The names with their colours, in rows that are not wider; one name alone needs no key."""
    rows: list[dict[str, tuple[int, int, int]]] = [{}]
    for name, colour in zip(names, COLOURS, strict=False) if len(names) > 1 else ():
        if rows[-1] and sum(map(_key_width, (*rows[-1], name))) > wide:
            rows.append({})
        rows[-1][name] = colour
    return rows


def _key_width(name: str) -> float:
    return 30 + float(_font(11).getlength(name))


def _legend(pen: Any, names: Mapping[str, tuple[int, int, int]], at: tuple[float, float]) -> None:
    x, y = at
    for name, colour in names.items():
        pen.rectangle((x, y, x + 10, y + 10), fill=colour)
        pen.text((x + 14, y + 5), name, fill=INK, font=_font(11), anchor="lm")
        x += _key_width(name)


def _sheet(wide: int, high: int, title: str) -> tuple[Image.Image, Any, Font]:
    sheet = Image.new("RGB", (wide, high), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((wide / 2, 8), title, fill=INK, font=_font(14), anchor="mt")
    return sheet, pen, _font(13)


def _font(size: int) -> Font:
    return ImageFont.load_default(size)


def _save(sheet: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.convert("P", palette=Image.Palette.ADAPTIVE, colors=128).save(path, "PNG", optimize=True)
