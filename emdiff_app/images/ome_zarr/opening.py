"""OME-Zarr 0.1 to 0.5 and plain Zarr, in a folder or a zip, as a stack of the full-resolution level."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emdiff_app.errors import StackError

from ..arrays import axis_letter, unnamed_axes
from ..axes import AxisMap, map_axes
from ..overrides import PixelSizes, override
from ..stack import PixelSize, Stack
from ..units import to_seconds, to_um
from .chunks import chunks_total, count_chunks
from .find import Found, find_image
from .nodes import ArrayInfo, array_info
from .pixels import ZarrReader, open_array

__all__ = ["open_zarr"]


@dataclass
class _Words:
    """What the metadata say about the axes of the array, in its order."""

    found: str
    pixel_size: dict[str, PixelSize] = field(default_factory=dict)
    translation: dict[str, PixelSize] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def open_zarr(
    path: str | Path,
    *,
    axes: str | None = None,
    pixel_size: PixelSizes | None = None,
    channel: int | str | None = None,
) -> Stack:
    """Open the image in a Zarr; a plate or a group of several images is refused with their names.

    Chunks without a file are counted and said, and an array without any is refused.
    """
    path = Path(path)
    image = find_image(path)
    name = _name(path)
    info = array_info(image.array)
    words = _multiscale_words(image, info) if image.multiscale else _array_words(info, axes, name)
    mapped = map_axes(words.found, info.shape, axes, name=name)
    said, check_chunks = _chunk_warnings(image, info, name)
    channels, channel_warnings = _channel_names(image, mapped)
    stack = Stack(
        ZarrReader(
            open_array(image.array, info), mapped.letters, image.array, info, check_chunks=check_chunks
        ),
        mapped.axes,
        mapped.stack_shape,
        info.dtype.newbyteorder("="),
        name=name,
        pixel_size={a: s for a, s in words.pixel_size.items() if a in mapped.axes},
        channels=channels,
        compression=info.compression,
        format="OME-Zarr" if image.multiscale else "Zarr",
        source=path,
        warnings=(*image.warnings, *words.warnings, *mapped.warnings, *channel_warnings, *said),
        extras=_extras(image, words),
    )
    return override(stack, pixel_size, channel)


def _name(path: Path) -> str:
    """What a person calls it: a plate's field is `plate.zarr/A/1/0`, not `0`."""
    for parent in path.parents:
        if parent.suffix == ".zarr":
            return str(path.relative_to(parent.parent))
    return path.name


def _multiscale_words(image: Found, info: ArrayInfo) -> _Words:
    """Axes, pixel size and place from the OME metadata: `scale` times index plus `translation`."""
    stated = image.multiscale.get("axes")
    if not isinstance(stated, list) or not stated:
        stated = list("tczyx")  # before 0.3 there was no other order
    axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in stated]
    if len(axes) != len(info.shape):
        raise StackError(
            f"{image.array.name}: the metadata name {len(axes)} axes, but the array has {len(info.shape)} "
            f"{info.shape}; it may be damaged, so copy it again."
        )
    words = _Words("".join(_letter(axis) for axis in axes))
    if _ours(image).get("rgb") is True:  # OME-Zarr has no colour; we stored its samples as channels
        words.found = words.found.replace("C", "S")
    scale, translation = [1.0] * len(axes), [0.0] * len(axes)
    for step in [*_transforms(image.dataset), *_transforms(image.multiscale)]:
        kind = step.get("type")
        if kind not in ("scale", "translation"):
            continue
        numbers = _numbers(step.get(kind), len(axes))
        if numbers is None:
            words.warnings.append(f"Its {kind} {step.get(kind)!r} does not fit its axes and was left out.")
        elif kind == "scale":
            scale = [a * b for a, b in zip(scale, numbers, strict=True)]
            translation = [a * b for a, b in zip(translation, numbers, strict=True)]
        else:
            translation = [a + b for a, b in zip(translation, numbers, strict=True)]
    for axis, letter, value, place in zip(axes, words.found, scale, translation, strict=True):
        if letter in "TZYX":
            _take_size(words, letter, value, place, axis.get("unit"))
    return words


def _take_size(words: _Words, letter: str, value: float, place: float, unit: Any) -> None:
    convert, target = (to_seconds, "s") if letter == "T" else (to_um, "um")
    size = convert(value, unit) if isinstance(unit, str) else None
    if size:
        words.pixel_size[letter] = PixelSize(size, target)
        if place:
            words.translation[letter] = PixelSize(place * (size / value), target)
    elif value != 1:
        words.warnings.append(
            f"Its step of {value:g} along {letter} ({unit or 'no unit'}) is no length or time that I know and "
            "was left out; say the pixel size with --pixel-size."
        )


def _array_words(info: ArrayInfo, override: str | None, name: str) -> _Words:
    """The axes of an array without OME metadata: its dimension names, or the last two are Y and X."""
    letters = [axis_letter(dim) if dim else None for dim in info.dimension_names]
    if None not in letters:
        return _Words("".join(letter for letter in letters if letter))
    return _Words(unnamed_axes(info.shape, override, name))


def _letter(axis: dict[str, Any]) -> str:
    kind, name = axis.get("type"), axis.get("name")
    by_kind = {"time": "T", "channel": "C"}.get(kind) if isinstance(kind, str) else None
    return by_kind or (axis_letter(name) if isinstance(name, str) else None) or "Q"


def _transforms(place: dict[str, Any]) -> list[dict[str, Any]]:
    steps = place.get("coordinateTransformations")
    return [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []


def _numbers(values: Any, count: int) -> list[float] | None:
    """`count` finite numbers, or None for anything else that the file may hold."""
    if not isinstance(values, list) or len(values) != count:
        return None
    if not all(type(v) in (int, float) and math.isfinite(v) for v in values):
        return None
    return [float(v) for v in values]


def _channel_names(image: Found, mapped: AxisMap) -> tuple[tuple[str, ...], list[str]]:
    omero = image.attributes.get("omero")
    listed = omero.get("channels") if isinstance(omero, dict) else None
    if not isinstance(listed, list) or not listed:
        return (), []
    labels = [entry.get("label") if isinstance(entry, dict) else None for entry in listed]
    count = mapped.shape[mapped.letters.index("C")] if "C" in mapped.letters else 1
    if len(labels) != count:
        return (), [f"It names {len(labels)} channels but has {count}; the names were left out."]
    if all(label is None for label in labels):
        return (), []
    return tuple(str(i if label is None else label) for i, label in enumerate(labels)), []


def _chunk_warnings(image: Found, info: ArrayInfo, name: str) -> tuple[list[str], bool]:
    """What to say about chunks that have no file, and whether reading must still look out for them."""
    total = chunks_total(info)
    present = count_chunks(image.array.folder, info)
    if present is None:
        return [], True
    if not present and total:
        raise StackError(
            f"{name}: none of the {total} chunks of its image exists, so there are no pixels to read; copy "
            "the whole folder again."
        )
    if present == total:
        return [], False
    sentence = (
        f"{total - present} of {total} chunks do not exist and read as the fill value. Writers leave out "
        "empty chunks, but a copy that was cut short looks the same: check it."
    )
    return [sentence], False


def _extras(image: Found, words: _Words) -> dict[str, Any]:
    extras: dict[str, Any] = {}
    if words.translation:
        extras["translation"] = words.translation
    if isinstance(_ours(image).get("provenance"), dict):
        extras["provenance"] = _ours(image)["provenance"]
    return extras


def _ours(image: Found) -> dict[str, Any]:
    """What EMDiff itself noted when it wrote the file."""
    ours = image.attributes.get("emdiff")
    return ours if isinstance(ours, dict) else {}
