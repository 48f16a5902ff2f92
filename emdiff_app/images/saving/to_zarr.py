"""OME-Zarr 0.5 (Zarr 3) and 0.4 (Zarr 2), written plane by plane."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app.errors import StackError

from ..provenance import plain
from .save import Saving

__all__ = ["write_ome_zarr"]

_KINDS = {"T": "time", "C": "channel", "S": "channel"}
_UNITS = {
    **{"pm": "picometer", "nm": "nanometer", "um": "micrometer", "mm": "millimeter", "cm": "centimeter"},
    **{"m": "meter", "angstrom": "angstrom", "in": "inch"},
    **{"ns": "nanosecond", "ms": "millisecond", "s": "second", "min": "minute", "h": "hour", "d": "day"},
}
# A plane is cut into tiles of at most this many pixels a side: quick to show a part, few files for the rest.
_TILE = 1024
_SMALLEST_LEVEL = 256


def write_ome_zarr(saving: Saving, folder: Path) -> None:
    """The full resolution and, while planes are larger than a screen, levels of half the size each.

    OME-Zarr has no place for RGB samples: they become channels, and a note of ours tells them apart.
    """
    import zarr

    stack = saving.stack
    if saving.zarr_version not in ("0.4", "0.5"):
        raise StackError(f"OME-Zarr {saving.zarr_version} is not a version that I write; choose 0.5 or 0.4.")
    if "S" in stack.axes and "C" in stack.axes:
        raise StackError(
            f"{stack.name or 'The image'}: OME-Zarr cannot hold channels of RGB colour; nothing was written. "
            "Save .ome.tif instead."
        )
    axes = "".join(a for a in "TCZYX" if a in stack.axes or (a == "C" and "S" in stack.axes))
    sizes = {**stack.sizes, "C": stack.sizes.get("C", stack.sizes.get("S", 1))}
    levels = _level_sizes(sizes["Y"], sizes["X"], saving.dtype)
    version = 3 if saving.zarr_version == "0.5" else 2
    group = zarr.create_group(zarr.storage.LocalStore(folder), zarr_format=version)
    arrays = [
        _create(group, str(i), axes, {**sizes, "Y": y, "X": x}, saving, version)
        for i, (y, x) in enumerate(levels)
    ]
    group.attrs.update(_attributes(saving, axes, levels, version, {}))  # refuses a unit before any pixel
    ranges: dict[int, tuple[float, float]] = {}
    for index, plane in saving.planes():
        place = dict(zip(stack.outer_axes, index, strict=True))
        _widen(ranges, place.get("C", 0), plane)
        for level, (rows, columns) in enumerate(levels):
            plane = plane if level == 0 else _halved(plane, rows, columns)
            key = tuple(place.get(a, slice(None)) for a in axes)
            arrays[level][key] = np.moveaxis(plane, 2, 0) if "S" in stack.axes else plane
    group.attrs.update(_attributes(saving, axes, levels, version, ranges))


def _create(group: Any, name: str, axes: str, sizes: dict[str, int], saving: Saving, version: int) -> Any:
    chunks = tuple(min(sizes[a], _TILE) if a in "YX" else 1 for a in axes)
    names = {"dimension_names": [a.lower() for a in axes]} if version == 3 else {}
    return group.create_array(
        name,
        shape=tuple(sizes[a] for a in axes),
        dtype=saving.dtype,
        chunks=chunks,
        compressors=_compressors(saving.compression, version),
        chunk_key_encoding={"name": "default" if version == 3 else "v2", "separator": "/"},
        fill_value=0,
        # Every chunk gets its file, so that a missing one can only mean that something was lost.
        config={"write_empty_chunks": True},
        **names,
    )


def _compressors(name: str, version: int) -> Any:
    if name == "none":
        return None
    if version == 3:
        from zarr.codecs import GzipCodec, ZstdCodec

        return GzipCodec(level=5) if name == "zlib" else ZstdCodec(level=3)
    import numcodecs  # type: ignore[import-untyped]

    return numcodecs.Zlib(level=5) if name == "zlib" else numcodecs.Zstd(level=3)


def _attributes(
    saving: Saving,
    axes: str,
    levels: list[tuple[int, int]],
    version: int,
    ranges: dict[int, tuple[float, float]],
) -> dict[str, Any]:
    stack = saving.stack
    described = [_axis(saving, letter) for letter in axes]
    datasets = []
    for number, (rows, columns) in enumerate(levels):
        factor = {"Y": levels[0][0] / rows, "X": levels[0][1] / columns}
        scale = [
            (stack.pixel_size[a].value if a in stack.pixel_size else 1.0) * factor.get(a, 1.0) for a in axes
        ]
        steps: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
        shift = _translation(saving, axes, factor)
        if any(shift):
            steps.append({"type": "translation", "translation": shift})
        datasets.append({"path": str(number), "coordinateTransformations": steps})
    multiscale = {"name": stack.name or "image", "axes": described, "datasets": datasets}
    ome: dict[str, Any] = {"multiscales": [multiscale]}
    if stack.channels:
        ome["omero"] = {
            "channels": [_channel(name, i, ranges.get(i, (0, 1))) for i, name in enumerate(stack.channels)]
        }
    noted: dict[str, Any] = {"provenance": plain(saving.provenance)} if saving.provenance else {}
    if "S" in stack.axes:
        noted["rgb"] = True
    ours = {"emdiff": noted} if noted else {}
    if version == 3:
        return {"ome": {"version": "0.5", **ome}, **ours}
    multiscale["version"] = "0.4"
    return {**ome, **ours}


def _axis(saving: Saving, letter: str) -> dict[str, str]:
    axis = {"name": letter.lower(), "type": _KINDS.get(letter, "space")}
    size = saving.stack.pixel_size.get(letter)
    if size is not None:
        if size.unit not in _UNITS:
            raise StackError(
                f"OME-Zarr has no unit {size.unit!r}; nothing was written. Give the pixel size in um "
                "(--pixel-size)."
            )
        axis["unit"] = _UNITS[size.unit]
    return axis


def _translation(saving: Saving, axes: str, factor: dict[str, float]) -> list[float]:
    """Where the first pixel is: a coarser pixel covers several, so its middle lies further in."""
    places = saving.stack.extras.get("translation", {})
    shift = []
    for axis in axes:
        step = saving.stack.pixel_size[axis].value if axis in saving.stack.pixel_size else 1.0
        start = places[axis].value if axis in places else 0.0
        shift.append(start + step * (factor.get(axis, 1.0) - 1) / 2)
    return shift


def _channel(name: str, number: int, window: tuple[float, float]) -> dict[str, Any]:
    """A viewer needs a colour and the range of grey levels to show."""
    low, high = window
    colour = ("FFFFFF", "00FF00", "FF00FF", "00FFFF", "FFFF00")[number % 5]
    return {
        "label": name,
        "color": colour,
        "active": True,
        "window": {"min": low, "max": high, "start": low, "end": high},
    }


def _widen(ranges: dict[int, tuple[float, float]], channel: int, plane: NDArray[Any]) -> None:
    """Keep the smallest and largest finite value of each channel."""
    values = plane if plane.dtype.kind != "f" else plane[np.isfinite(plane)]
    if values.size:
        low, high = ranges.get(channel, (float("inf"), float("-inf")))
        ranges[channel] = (min(low, float(values.min())), max(high, float(values.max())))


def _level_sizes(rows: int, columns: int, dtype: np.dtype[Any]) -> list[tuple[int, int]]:
    sizes = [(rows, columns)]
    # The mean of truth values is none.
    while dtype.kind in "iuf" and max(sizes[-1]) > 2 * _SMALLEST_LEVEL and min(sizes[-1]) >= 2:
        sizes.append((sizes[-1][0] // 2, sizes[-1][1] // 2))
    return sizes


def _halved(plane: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    """The mean over 2 x 2 pixels; a last odd row or column is left out."""
    wide = np.float64 if plane.dtype.itemsize > 2 else np.float32
    mean = np.zeros((rows, columns, *plane.shape[2:]), wide)
    for down in (0, 1):
        for across in (0, 1):
            mean += plane[down : 2 * rows : 2, across : 2 * columns : 2]
    mean /= 4
    return (
        mean.astype(plane.dtype) if plane.dtype.kind == "f" else np.rint(mean, out=mean).astype(plane.dtype)
    )
