"""Pixel size, time step and channel names, as each kind of TIFF states them."""

from typing import Any

from .stack import PixelSize
from .tiff_series import Series
from .units import to_um

__all__ = ["describe"]


def describe(series: Series, file: Any) -> None:
    """Fill in what the file says about `series`."""
    if series.kind == "imagej":
        _imagej(series, file.imagej_metadata or {})


def _imagej(series: Series, said: dict[str, Any]) -> None:
    unit = str(said.get("unit", ""))
    x, y = (_inverse(series.keyframe, code) for code in (282, 283))
    for axis, value in (("X", x), ("Y", y), ("Z", said.get("spacing"))):
        if isinstance(value, int | float) and (um := to_um(float(value), unit)) is not None:
            series.pixel_size[axis] = PixelSize(um)


def _inverse(page: Any, code: int) -> float | None:
    """The step for a resolution tag, which counts pixels per unit."""
    value = page.tags.valueof(code)
    if not isinstance(value, tuple) or len(value) != 2 or not all(value):
        return None
    return float(value[1] / value[0])
