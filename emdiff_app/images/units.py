"""Units of length and time as files spell them, and what they are in um and s."""

import math

from .stack import PixelSize

__all__ = ["to_pixel_size"]

_PREFIXES = {
    **{"pico": 1e-12, "nano": 1e-9, "micro": 1e-6, "milli": 1e-3, "centi": 1e-2, "deci": 1e-1, "kilo": 1e3},
    "": 1.0,
}
_METERS = {f"{prefix}meter": factor for prefix, factor in _PREFIXES.items()} | {
    **{"pm": 1e-12, "nm": 1e-9, "um": 1e-6, "micron": 1e-6, "mm": 1e-3, "cm": 1e-2, "dm": 1e-1, "m": 1.0},
    **{"angstrom": 1e-10, "å": 1e-10, "inch": 0.0254, "in": 0.0254, '"': 0.0254},
}
_SECONDS = {f"{prefix}second": factor for prefix, factor in _PREFIXES.items()} | {
    **{"ps": 1e-12, "ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0, "msec": 1e-3},
    **{"minute": 60.0, "min": 60.0, "hour": 3600.0, "h": 3600.0, "day": 86400.0, "d": 86400.0},
}


def to_pixel_size(value: object, unit: str, axis: str) -> PixelSize | None:
    """`value` `unit` along `axis` in um (Z, Y, X) or s (T); None where it says nothing physical.

    A unit of another kind (`pixel`, none at all), and a value that is no positive number, say nothing.
    """
    name = unit.strip().lower().replace("µ", "u").replace("μ", "u").replace("metre", "meter")
    table, base, target = (_SECONDS, 1.0, "s") if axis == "T" else (_METERS, 1e-6, "um")
    factor = table.get(name, table.get(name.removesuffix("s")))
    if factor is None or isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not (math.isfinite(value) and value > 0):
        return None
    # 1.0 exactly where the unit is the target's: a pixel size must come back as it was written.
    return PixelSize(float(value) if factor == base else float(value) * (factor / base), target)
