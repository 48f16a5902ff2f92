"""Pixel sizes in micrometres."""

from __future__ import annotations

from collections.abc import Mapping

from emdiff_app.errors import PhysicsError
from emdiff_app.images import PixelSize

__all__ = ["pixel_sizes_um"]

_IN_UM = {
    **dict.fromkeys(("um", "µm", "μm", "micron", "microns", "micrometer", "micrometre"), 1.0),
    **dict.fromkeys(("nm", "nanometer", "nanometre"), 1e-3),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1e3),
    **dict.fromkeys(("m", "meter", "metre"), 1e6),
}


def pixel_sizes_um(pixel_size: Mapping[str, PixelSize] | None, ndim: int, where: str) -> tuple[float, ...]:
    """The pixel size along the last `ndim` axes of ZYX; asks for it in words where it is missing."""
    sizes = []
    for axis in "ZYX"[-ndim:]:
        size = (pixel_size or {}).get(axis)
        factor = _IN_UM.get(size.unit.lower()) if size else None
        if size is None or factor is None or not 0 < size.value < float("inf"):
            found = f"is {size}" if size else "is not known"
            raise PhysicsError(
                f"{where}: the pixel size along {axis} {found}, and a length in micrometres needs it; nothing was "
                "changed. State it (--pixel-size), or give the length in pixels (fwhm_px)."
            )
        sizes.append(size.value * factor)
    return tuple(sizes)
