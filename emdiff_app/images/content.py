"""What is in the pixels, from a few planes: their range, and images that hold nothing."""

import math
import warnings
from dataclasses import dataclass

import numpy as np

from .stack import Stack

__all__ = ["Content", "check_content"]

_MOST_PIXELS = 1 << 24
_SMALL = 1 << 22
"""Of a stack with no more pixels than this, and not too many planes, all are looked at."""
_MANY_PLANES = 256


@dataclass(frozen=True)
class Content:
    """The range of the finite pixels that were looked at, and sentences that the user should see."""

    minimum: float | None
    maximum: float | None
    planes: int
    """How many planes were looked at."""
    whole: bool
    """Nothing was left out."""
    warnings: tuple[str, ...] = ()


def check_content(stack: Stack, planes: int = 8) -> Content:
    """Look at a small stack whole, else at up to `planes` planes spread over it, of very large ones at their middle."""
    sizes = stack.shape[: len(stack.outer_axes)]
    count = math.prod(sizes)
    if math.prod(stack.shape) <= _SMALL and count <= _MANY_PLANES:
        planes = count
    chosen = sorted({round(i * (count - 1) / max(1, planes - 1)) for i in range(planes)}) if count else []
    rows, columns, whole = _window(stack)
    ranges: list[tuple[float, float] | None] = []
    said: list[str] = []
    pixels = unknown = 0
    for number in chosen:
        index = tuple(int(i) for i in np.unravel_index(number, sizes)) if sizes else ()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            part = stack.plane(index) if whole else stack.region(index, rows, columns)
        said += [str(warning.message) for warning in caught]
        pixels += part.size
        if part.dtype.kind == "f":
            finite = np.isfinite(part)
            unknown += part.size - int(finite.sum())
            part = part[finite]
        ranges.append((part.min().item(), part.max().item()) if part.size else None)
    known = [r for r in ranges if r is not None]
    return Content(
        minimum=min((r[0] for r in known), default=None),
        maximum=max((r[1] for r in known), default=None),
        planes=len(chosen),
        whole=whole and len(chosen) == count,
        warnings=(*dict.fromkeys(said), *_sentences(ranges, unknown, pixels)),
    )


def _window(stack: Stack) -> tuple[slice, slice, bool]:
    height, width = stack.sizes["Y"], stack.sizes["X"]
    if math.prod(stack.plane_shape) <= _MOST_PIXELS:
        return slice(0, height), slice(0, width), True
    side = 2048
    top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
    return slice(top, min(height, top + side)), slice(left, min(width, left + side)), False


def _sentences(ranges: list[tuple[float, float] | None], unknown: int, pixels: int) -> list[str]:
    if not pixels:
        return ["The stack holds no pixels; check that the right file was chosen."]
    known = [r for r in ranges if r is not None]
    if not known:
        return ["The pixels hold no numbers (all NaN or infinite); check the file or the step that wrote it."]
    said = []
    if unknown:
        said.append(
            f"{100 * unknown / pixels:.2g} % of the pixels are NaN or infinite; mask them as missing, or mend the file."
        )
    flat = sum(1 for r in known if r[0] == r[1])
    if flat == len(known) and len({r[0] for r in known}) == 1:
        said.append(
            f"The image is constant (all {known[0][0]:g}); check that the right file and channel were chosen."
        )
    elif flat and len(known) > 1:
        said.append(f"{flat} of {len(ranges)} planes looked at are constant; they hold no image.")
    return said
