"""Pixel sizes in micrometres."""

from __future__ import annotations

from collections.abc import Mapping

from emdiff_app.errors import PhysicsError
from emdiff_app.images import PixelSize
from emdiff_app.images.units import to_um

__all__ = ["pixel_sizes_um"]


def pixel_sizes_um(pixel_size: Mapping[str, PixelSize] | None, ndim: int, where: str) -> tuple[float, ...]:
    """The pixel size along the last `ndim` axes of ZYX; asks for it in words where it is missing."""
    sizes = []
    for axis in "ZYX"[-ndim:]:
        size = (pixel_size or {}).get(axis)
        length = to_um(size.value, size.unit) if size else None
        if length is None:
            found = f"is {size}" if size else "is not known"
            raise PhysicsError(
                f"{where}: the pixel size along {axis} {found}, and a length in micrometres needs it; nothing was "
                "changed. State it (--pixel-size), or describe the blur in pixels (such as fwhm_px)."
            )
        sizes.append(length)
    return tuple(sizes)
