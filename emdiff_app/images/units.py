"""Units of length and time as files spell them, and what they are in um and s."""

import math

__all__ = ["to_seconds", "to_um"]

_PREFIXES = {"pico": -12, "nano": -9, "micro": -6, "milli": -3, "centi": -2, "deci": -1, "": 0, "kilo": 3}
_METERS = {
    f"{prefix}{ending}": power for prefix, power in _PREFIXES.items() for ending in ("meter", "metre")
} | {
    **{"pm": -12, "å": -10, "angstrom": -10, "nm": -9, "um": -6, "micron": -6, "mm": -3, "cm": -2, "dm": -1},
    **{"m": 0},
}
_UM = {name: 10.0 ** (power + 6) for name, power in _METERS.items()} | {
    "inch": 25400.0,
    "in": 25400.0,
    '"': 25400.0,
}
_SECONDS = {f"{prefix}second": 10.0**power for prefix, power in _PREFIXES.items()} | {
    **{"ps": 1e-12, "ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0, "msec": 1e-3},
    **{"minute": 60.0, "min": 60.0, "hour": 3600.0, "h": 3600.0, "day": 86400.0, "d": 86400.0},
}


def to_um(value: float, unit: str) -> float | None:
    """`value` in um; None where the unit is no length or the value makes no sense."""
    return _converted(value, unit, _UM)


def to_seconds(value: float, unit: str) -> float | None:
    """`value` in s; None where the unit is no time or the value makes no sense."""
    return _converted(value, unit, _SECONDS)


def _converted(value: float, unit: str, table: dict[str, float]) -> float | None:
    name = _plain(unit)
    factor = table.get(name, table.get(name.removesuffix("s")))
    if factor is None or not math.isfinite(value) or value <= 0:
        return None
    # Divided where that is exact, so that 108 nm is 0.108 um and not 0.10800000000000001.
    return value / round(1 / factor) if factor < 1 else value * factor


def _plain(unit: str) -> str:
    unit = unit.strip()
    for code in ("00B5", "00b5", "03BC", "03bc", "00C5", "00c5"):  # ImageJ escapes what is not ASCII
        unit = unit.replace(f"\\u{code}", chr(int(code, 16)))
    # Two signs look like a micro; casefold makes one of them.
    return unit.casefold().replace("μ", "u")
