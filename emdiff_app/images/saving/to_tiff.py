"""OME-TIFF and ImageJ hyperstacks, written plane by plane."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app.errors import StackError

from ..provenance import NAMESPACE, to_info, to_pairs
from ..stack import PixelSize
from ..units import to_seconds
from .save import Saving

__all__ = ["write_ome_tiff", "write_tiff"]

# A classic TIFF addresses 4 GiB; this much of it is left for tags and descriptions.
_CLASSIC_LIMIT = 2**32 - 2**26
_OME_TYPES = {"bool", "int8", "int16", "int32", "uint8", "uint16", "uint32", "float32", "float64"}
_OME_UNITS = {"um": "µm", "angstrom": "Å", "sec": "s", "second": "s"} | {
    unit: unit for unit in ["pm", "nm", "mm", "cm", "m", "in", "pixel", "ns", "ms", "s", "min", "h", "d"]
}


def write_tiff(saving: Saving, file: Path) -> None:
    """An ImageJ hyperstack where ImageJ can hold it, otherwise OME-TIFF."""
    if _fits_imagej(saving):
        _write_imagej(saving, file)
    else:
        write_ome_tiff(saving, file)


def write_ome_tiff(saving: Saving, file: Path) -> None:
    """OME-TIFF; BigTIFF when a classic one could not address all of it."""
    stack = saving.stack
    if saving.dtype.name not in _OME_TYPES or (saving.dtype == np.bool_ and "S" in stack.axes):
        raise StackError(
            f"{stack.name or 'The image'}: TIFF cannot hold pixels of type {saving.dtype}; nothing was "
            "written. Write float32 (--dtype float32) or a .zarr."
        )
    metadata: dict[str, Any] = {"axes": stack.axes, "Name": _printable(stack.name or "image")}
    for axis, size in stack.pixel_size.items():
        if axis in stack.axes:
            key = "TimeIncrement" if axis == "T" else f"PhysicalSize{axis}"
            metadata |= {key: size.value, f"{key}Unit": _ome_unit(size)}
    if stack.channels:
        metadata["Channel"] = {"Name": [_printable(name) for name in stack.channels]}
    if stack.significant_bits and saving.dtype == stack.dtype and saving.dtype.kind in "iu":
        metadata["SignificantBits"] = stack.significant_bits
    if saving.provenance:
        pairs = {key: _printable(text) for key, text in to_pairs(saving.provenance).items()}
        metadata["MapAnnotation"] = {"Namespace": NAMESPACE, **pairs}
    _write(saving, file, stack.outer_axes, metadata, ome=True, bigtiff=saving.nbytes > _CLASSIC_LIMIT)


def _fits_imagej(saving: Saving) -> bool:
    stack = saving.stack
    colour = "S" in stack.axes
    lateral = {size.unit for axis, size in stack.pixel_size.items() if axis in "ZYX"}
    return (
        saving.dtype.name in (["uint8"] if colour else ["uint8", "uint16", "float32"])
        and (not colour or stack.sizes["S"] == 3)
        and saving.nbytes <= _CLASSIC_LIMIT
        and saving.compression != "zstd"
        and len(lateral) <= 1
        and all(size.value > 0 for size in stack.pixel_size.values())
        and not any(set(name) & {"\n", "\r"} for name in stack.channels)
        and _seconds(stack.pixel_size.get("T")) is not None
    )


def _write_imagej(saving: Saving, file: Path) -> None:
    """ImageJ keeps the lateral pixel size as a resolution, the rest as lines of its description."""
    stack = saving.stack
    sizes = stack.pixel_size
    # ImageJ numbers planes channel first, then depth, then time; an axis of length one is no axis there.
    order = "".join(axis for axis in "TZC" if axis in stack.axes)
    metadata: dict[str, Any] = {"axes": order + stack.plane_axes}
    lateral = [sizes[axis] for axis in "YXZ" if axis in sizes]
    if lateral:
        metadata["unit"] = lateral[0].unit
    if "Z" in sizes:
        metadata["spacing"] = sizes["Z"].value
    if "T" in sizes:
        metadata["finterval"] = _seconds(sizes["T"])
    if stack.channels:
        metadata["Labels"] = _labels(saving, order)
    if saving.provenance:
        metadata["Info"] = to_info(saving.provenance)
    x, y = sizes.get("X") or sizes.get("Y"), sizes.get("Y") or sizes.get("X")
    options = {"resolution": (1 / x.value, 1 / y.value)} if x and y else {}
    _write(saving, file, order, metadata, imagej=True, **options)


def _labels(saving: Saving, order: str) -> list[str]:
    """One label per plane: the name of its channel."""
    stack = saving.stack
    if "C" not in stack.axes:
        return [stack.channels[0]] * saving.count
    sizes = [stack.sizes[axis] for axis in order]
    return [stack.channels[place[order.index("C")]] for place in np.ndindex(*sizes)]


def _write(saving: Saving, file: Path, order: str, metadata: dict[str, Any], **options: Any) -> None:
    import tifffile

    stack = saving.stack
    bigtiff = options.pop("bigtiff", False)
    resolution = {key: options.pop(key) for key in ("resolution",) if key in options}
    colour = "S" in stack.axes
    samples = stack.sizes.get("S", 1)
    with tifffile.TiffWriter(file, bigtiff=bigtiff, **options) as writer:
        writer.write(
            _pixels(saving, order),
            shape=(*(stack.sizes[axis] for axis in order), *stack.plane_shape),
            dtype=saving.dtype,
            photometric="rgb" if samples in (3, 4) else "minisblack",
            planarconfig="contig" if colour else None,
            compression=None if saving.compression == "none" else saving.compression,
            metadata=metadata,
            software="EMDiff",
            **resolution,
        )


def _pixels(saving: Saving, order: str) -> Iterator[NDArray[Any]]:
    return (np.ascontiguousarray(plane) for _, plane in saving.planes(order))


def _ome_unit(size: PixelSize) -> str:
    try:
        return _OME_UNITS[size.unit]
    except KeyError:
        raise StackError(
            f"OME-TIFF has no unit {size.unit!r}; nothing was written. Give the pixel size in um "
            "(--pixel-size)."
        ) from None


def _seconds(step: PixelSize | None) -> float | None:
    """A time step in seconds; 0 where there is none, None where the unit is not known."""
    return 0.0 if step is None else to_seconds(step.value, step.unit)


def _printable(text: str) -> str:
    """Text that XML can hold: without the control characters it forbids."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]", " ", text)
