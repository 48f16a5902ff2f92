"""Stacks as napari layers and back. Works on any object with napari's layer attributes; imports no napari."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app.images import AXES, PixelSize, Stack, stack_from_array
from emdiff_app.images.arrays import ArrayReader

from .host import SAID
from .phrases import axes_offered

__all__ = [
    "KEY",
    "LazyPixels",
    "Origin",
    "in_memory",
    "is_image",
    "is_labels",
    "layer_keywords",
    "layer_stack",
    "layers_of",
    "pixels_of",
    "result_keywords",
    "without_doubts",
]

KEY = "emdiff"
ENDING = re.compile(r"(\.ome)?\.(tiff?|zarr|png|jpe?g|npy)$", re.IGNORECASE)
WHOLE = 1 << 29  # stacks up to half a gigabyte are read at once, so that scrolling never waits


@dataclass(frozen=True, eq=False)
class Origin:
    """Kept in a layer's metadata: the stack behind it, as long as its pixels are still those."""

    stack: Stack
    pixels: Any
    channel: int | None = None
    is_result: bool = False


@dataclass(frozen=True, eq=False)
class LazyPixels:
    """A large stack as napari wants arrays: planes are read when they are looked at."""

    stack: Stack

    @property
    def shape(self) -> tuple[int, ...]:
        return self.stack.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.stack.dtype

    @property
    def ndim(self) -> int:
        return self.stack.ndim

    @property
    def size(self) -> int:
        return int(np.prod(self.stack.shape))

    def __getitem__(self, key: Any) -> Any:
        return self.stack[key]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.stack.numpy().astype(dtype or self.dtype, copy=False)


def pixels_of(stack: Stack) -> list[Any]:
    """What a layer shows, for each channel of a stack; small stacks are read now, which takes its time."""
    return [one.numpy() if one.nbytes <= WHOLE else LazyPixels(one) for one in _channels(stack)]


def _channels(stack: Stack) -> list[Stack]:
    count = stack.sizes.get("C")
    return [stack.channel(number) for number in range(count)] if count else [stack]


def in_memory(stack: Stack) -> NDArray[Any]:
    """All pixels of a stack; where they are an array of the same axes already, that very array."""
    reader = stack.reader
    if isinstance(reader, ArrayReader) and isinstance(reader.array, np.ndarray) and reader.axes == stack.axes:
        return reader.array
    return stack.numpy()


def layers_of(stack: Stack, read: Sequence[Any] = ()) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Pixels and keywords of `add_image` for each channel of a stack; `read` are its `pixels_of`, if there already."""
    count = stack.sizes.get("C")
    for number, (one, pixels) in enumerate(zip(_channels(stack), read or pixels_of(stack), strict=True)):
        keywords = layer_keywords(one)
        if count and count > 1:
            channel = stack.channels[number] if stack.channels else f"channel {number}"
            keywords["name"] = f"{keywords['name']} {channel}"
            keywords["colormap"] = ("green", "magenta", "cyan", "yellow", "red", "blue", "gray")[number % 7]
            keywords["blending"] = "additive"
        keywords["metadata"] = {KEY: Origin(one, pixels, number if count else None)}
        yield pixels, keywords


def layer_keywords(stack: Stack) -> dict[str, Any]:
    """Name, scale, units and axis labels of a stack as keywords of `add_image`."""
    axes = stack.axes.replace("S", "")
    steps = [stack.pixel_size.get(axis) for axis in axes]
    return {
        "name": ENDING.sub("", stack.name or (stack.source.name if stack.source else "")) or "image",
        "scale": tuple(step.value if step else 1.0 for step in steps),
        "units": tuple(step.unit if step else "pixel" for step in steps),
        "axis_labels": tuple(axes),
        "rgb": "S" in stack.axes,
    }


def is_image(layer: Any) -> bool:
    return any(kind.__name__ == "Image" for kind in type(layer).__mro__)


def is_labels(layer: Any) -> bool:
    return any(kind.__name__ == "Labels" for kind in type(layer).__mro__)


def layer_stack(layer: Any) -> tuple[Stack, Origin | None, bool]:
    """The stack of a layer, where it came from if that is still true, and whether its axes are certain."""
    axes, known = _axes(layer)
    sizes = _pixel_size(layer, axes)
    origin = layer.metadata.get(KEY)
    if isinstance(origin, Origin) and origin.pixels is layer.data:
        stack = origin.stack
        if (stack.axes, dict(stack.pixel_size)) != (axes, sizes):
            # The user has corrected them in the viewer: the file no longer says the same.
            stack = stack.with_(axes=axes if known else stack.axes, pixel_size=sizes, source=None)
            stack = without_doubts(stack)
        stack = _with_said(stack, layer)
        return stack, origin, not any(axes_offered(sentence) for sentence in stack.warnings)
    pixels = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    stack = stack_from_array(pixels, axes, pixel_size=sizes, name=layer.name)
    return _with_said(stack, layer), None, known


def _with_said(stack: Stack, layer: Any) -> Stack:
    """What the user has said of a layer goes along with its stack."""
    told = {**stack.extras.get(SAID, {}), **layer.metadata.get(SAID, {})}
    return stack.with_(extras={**stack.extras, SAID: told}) if told else stack


def without_doubts(stack: Stack) -> Stack:
    """The same stack after the user has looked at its axes and pixel size."""
    doubts = ("--axes", "--pixel-size")
    kept = tuple(s for s in stack.warnings if not any(option in s for option in doubts))
    return stack.with_(warnings=kept)


def _axes(layer: Any) -> tuple[str, bool]:
    """By the layer's labels where they are ours; else by the usual order of its axes."""
    colour = "S" if layer.rgb else ""
    labels = "".join(str(label).upper() for label in layer.axis_labels)
    ordered = labels == "".join(sorted(set(labels), key=AXES.find))
    if len(labels) == layer.ndim and ordered and {"Y", "X"} <= set(labels) <= set(AXES) - {"S"}:
        return labels + colour, True
    usual = {2: "YX", 3: "ZYX", 4: "TZYX", 5: "TCZYX"}[max(2, min(layer.ndim, 5))]
    return usual + colour, layer.ndim == 2


def _pixel_size(layer: Any, axes: str) -> Mapping[str, PixelSize]:
    sizes = {}
    for axis, value, unit in zip(axes.replace("S", ""), layer.scale, layer.units, strict=True):
        word = f"{unit:~}" if hasattr(unit, "dimensionality") else str(unit)
        word = {"µm": "um", "μm": "um", "micrometer": "um"}.get(word, word)
        if axis in "TZYX" and word not in ("px", "pixel", "1 px", ""):
            sizes[axis] = PixelSize(float(value), word)
    return sizes


def result_keywords(
    stack: Stack, kind: str, source: Any | None, first: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """Keywords for a result: place and look of the layer it came from.

    A result with s times as many pixels gets scale / s, and its first pixel's centre lies `c scale / s` before the old
    one, which is its pixel c: `first`, or `(s - 1) / 2`, with which both cover the same area.
    """
    keywords = layer_keywords(stack)
    if source is not None and len(source.scale) == len(keywords["scale"]):
        old = np.asarray(source.scale, dtype=float)
        shapes = [np.asarray(shape[: len(old)], dtype=float) for shape in (source.data.shape, stack.shape)]
        finer = shapes[1] / shapes[0]
        new = old / finer
        axes = stack.axes.replace("S", "")
        lies = [(first or {}).get(axis, (s - 1) / 2) for axis, s in zip(axes, finer, strict=True)]
        keywords["scale"] = tuple(new)
        keywords["translate"] = tuple(np.asarray(source.translate) - new * lies)
        keywords["units"] = source.units
        keywords["axis_labels"] = source.axis_labels
        if kind != "uncertainty":
            keywords["colormap"] = source.colormap
            keywords["contrast_limits"] = tuple(source.contrast_limits)
            keywords["gamma"] = source.gamma
    if kind == "uncertainty":
        keywords["colormap"] = "magma"
        keywords["visible"] = False
    return keywords
