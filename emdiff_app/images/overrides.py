"""What the user says over what the file says: the pixel size and the channel."""

import math
from collections.abc import Mapping

from emdiff_app.errors import StackError

from .stack import PixelSize, Stack

__all__ = ["PixelSizes", "override"]

PixelSizes = float | PixelSize | Mapping[str, float | PixelSize]
"""A number (um, for Y and X), or one for each axis: `{"Z": 0.3, "Y": 0.108, "X": 0.108}`."""

_DOUBT = "The pixel size is exactly 1 um, which often means that it was never set; give it with --pixel-size."


def override(stack: Stack, pixel_size: PixelSizes | None = None, channel: int | str | None = None) -> Stack:
    """`stack` with the pixel size and the channel that the user asked for.

    A file's own pixel size of exactly 1 um, which many programs write for want of one, is doubted.
    """
    warnings = [sentence for sentence in stack.warnings if sentence != _DOUBT]
    if pixel_size is not None:
        stack = stack.with_(pixel_size={**stack.pixel_size, **_sizes(pixel_size, stack.name)})
    elif stack.pixel_size.get("X") == stack.pixel_size.get("Y") == PixelSize(1.0):
        warnings.append(_DOUBT)
    stack = stack.with_(warnings=tuple(warnings))
    return stack if channel is None else stack.channel(channel)


def _sizes(given: PixelSizes, name: str) -> dict[str, PixelSize]:
    if not isinstance(given, Mapping):
        given = {"Y": given, "X": given}
    sizes = {}
    for axis, size in given.items():
        unit = "s" if axis.upper() == "T" else "um"
        size = size if isinstance(size, PixelSize) else PixelSize(float(size), unit)
        if axis.upper() not in "TZYX" or not (math.isfinite(size.value) and size.value > 0):
            raise StackError(
                f"{name}: a pixel size of {size} along {axis} makes no sense; give um above zero."
            )
        sizes[axis.upper()] = size
    return sizes
