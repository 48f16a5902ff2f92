"""Pixel size, time step and channel names, as each kind of TIFF states them."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..stack import PixelSize
from ..units import to_seconds, to_um
from .series import Series

__all__ = ["describe"]

_COARSEST = 10.0
"""A printer's resolution (72, 300, 1200 dpi) is no pixel size; a microscope's pixels are finer than this (um)."""
_UNITS = {2: "inch", 3: "cm", 4: "mm", 5: "um"}
_PROVENANCE = re.compile(r"[czt]:\d+/\d+|\.(tiff?|png|jpe?g|lsm|stk|czi|nd2|lif|oib|oif)\b", re.IGNORECASE)


def describe(series: Series, file: Any) -> None:
    """Fill in what the file says about `series`; what its OME-XML said stands already."""
    kind = series.kind
    if kind == "imagej":
        _imagej(series, file.imagej_metadata or {})
    elif kind == "stk":
        _stk(series, file.stk_metadata or {})
    elif kind == "lsm":
        _lsm(series, file.lsm_metadata or {})
    elif kind == "shaped":
        _shaped(series)
    if file.is_micromanager:
        _micromanager(series, file)
    if file.is_metaseries:
        _metaseries(series, file.metaseries_metadata or {})
    if not {"X", "Y"} & set(series.pixel_size) and kind not in ("imagej", "ome"):
        _resolution_tags(series)


def _set(series: Series, axis: str, value: Any, unit: str) -> None:
    """Take a step along `axis` that makes sense, unless a better source was there first."""
    if axis in series.pixel_size or isinstance(value, bool) or not isinstance(value, int | float):
        return
    size = (to_seconds if axis == "T" else to_um)(float(value), unit)
    if size is not None:
        series.pixel_size[axis] = PixelSize(size, "s" if axis == "T" else "um")


def _imagej(series: Series, said: Mapping[str, Any]) -> None:
    unit = str(said.get("unit", ""))
    for axis, code in (("X", 282), ("Y", 283)):
        _set_lateral(series, axis, _step(series.keyframe, code), str(said.get(f"{axis.lower()}unit", unit)))
    _set(series, "Z", said.get("spacing"), str(said.get("zunit", unit)))
    _set(series, "T", said.get("finterval"), str(said.get("tunit", "s")))
    rate = said.get("fps")
    if isinstance(rate, int | float) and rate > 0:
        _set(series, "T", 1 / rate, "s")
    labels = said.get("Labels")
    if isinstance(labels, str):
        labels = [labels]
    if isinstance(labels, Sequence) and all(isinstance(label, str) for label in labels):
        series.channels = _names_from_labels(labels, series)


def _names_from_labels(labels: Sequence[str], series: Series) -> tuple[str, ...]:
    """Channel names, where the label of a plane depends on its channel alone."""
    outer = [(a, n) for a, n in zip(series.axes, series.shape, strict=True) if a not in "YXS"]
    if len(labels) != math.prod(n for _, n in outer):
        return ()
    before = math.prod(n for _, n in outer[: next((i for i, (a, _) in enumerate(outer) if a == "C"), 0)])
    channels = dict(outer).get("C", 1)
    after = len(labels) // (before * channels)
    names: list[set[str]] = [set() for _ in range(channels)]
    for number, label in enumerate(labels):
        names[number // after % channels].add(label.strip())
    flat = [name for group in names for name in group]
    if len(flat) != channels or len(set(flat)) < channels or "S" in _long_axes(series):
        return ()
    # "c:1/8 z:22/52 - cells.czi" is where a plane came from, not the name of a channel.
    return () if any(not name or _PROVENANCE.search(name) for name in flat) else tuple(flat)


def _long_axes(series: Series) -> str:
    return "".join(a for a, n in zip(series.axes, series.shape, strict=True) if n > 1)


def _stk(series: Series, said: Mapping[str, Any]) -> None:
    unit = str(said.get("CalibrationUnits", "um"))
    if said.get("SpatialCalibration", 1):
        _set(series, "X", said.get("XCalibration"), unit)
        _set(series, "Y", said.get("YCalibration"), unit)
    distances = said.get("ZDistance")
    if distances is not None and len(distances) and math.isfinite(float(distances[0])):
        _set(series, "Z", abs(float(distances[0])), unit)
    times = said.get("TimeCreated")
    if times is not None and len(times) > 1:
        _set(series, "T", float(times[-1] - times[0]) / (len(times) - 1), "ms")


def _lsm(series: Series, said: Mapping[str, Any]) -> None:
    for axis in "XYZ":
        _set(series, axis, said.get(f"VoxelSize{axis}"), "m")
    _set(series, "T", said.get("TimeIntervall", said.get("TimeInterval")), "s")
    colours = said.get("ChannelColors")
    names = colours.get("ColorNames") if isinstance(colours, Mapping) else None
    if isinstance(names, Sequence) and all(isinstance(name, str) for name in names):
        series.channels = tuple(names)


def _micromanager(series: Series, file: Any) -> None:
    said = file.micromanager_metadata or {}
    summary = said.get("Summary")
    if not isinstance(summary, Mapping):
        return
    size = summary.get("PixelSize_um")
    for axis in "YX":
        _set(series, axis, size, "um")
    _set(series, "Z", summary.get("z-step_um"), "um")
    _set(series, "T", summary.get("Interval_ms"), "ms")
    names = summary.get("ChNames")
    if not series.channels and isinstance(names, Sequence) and all(isinstance(name, str) for name in names):
        series.channels = tuple(names)


def _metaseries(series: Series, said: Mapping[str, Any]) -> None:
    plane = said.get("PlaneInfo")
    if not isinstance(plane, Mapping) or not plane.get("spatial-calibration-state", True):
        return
    unit = str(plane.get("spatial-calibration-units", "um"))
    _set(series, "X", plane.get("spatial-calibration-x"), unit)
    _set(series, "Y", plane.get("spatial-calibration-y"), unit)


def _shaped(series: Series) -> None:
    """What tifffile was given when it wrote the file."""
    try:
        said = json.loads(series.keyframe.description)
    except ValueError:
        return
    if not isinstance(said, dict):
        return
    unit = str(said.get("unit", ""))
    if unit:
        for axis, code in (("X", 282), ("Y", 283)):
            _set_lateral(series, axis, _step(series.keyframe, code), unit)
    _set(series, "Z", said.get("spacing"), unit)
    _set(series, "T", said.get("finterval"), "s")


def _resolution_tags(series: Series) -> None:
    unit = series.keyframe.tags.valueof(296, 2)
    for axis, code in (("X", 282), ("Y", 283)):
        _set_lateral(series, axis, _step(series.keyframe, code), _UNITS.get(int(unit), ""))


def _set_lateral(series: Series, axis: str, step: float | None, unit: str) -> None:
    """A step from a resolution tag, unless it is the resolution of a printer."""
    if step is None or (unit.casefold().startswith("in") and (to_um(step, unit) or 0) > _COARSEST):
        return
    if unit == "cm" and (to_um(step, unit) or 0) > _COARSEST and series.kind != "imagej":
        return
    _set(series, axis, step, unit)


def _step(page: Any, code: int) -> float | None:
    """The step for a resolution tag, which counts pixels per unit."""
    value = page.tags.valueof(code)
    if not isinstance(value, tuple) or len(value) != 2 or not all(value):
        return None
    return float(value[1] / value[0])
