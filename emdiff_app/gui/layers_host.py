"""The host over a napari layer list: the viewer's own in napari, the embedded canvas's in our window."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtWidgets import QFileDialog, QWidget

from emdiff_app.errors import EMDiffError
from emdiff_app.images import Stack

from .host import SAID, ImageRef, MaskRef, Message, Result
from .layers import (
    KEY,
    LazyPixels,
    Origin,
    in_memory,
    is_image,
    is_labels,
    layer_stack,
    layers_of,
    result_keywords,
    without_doubts,
)

__all__ = ["LayersHost"]

WORDS = ("name", "scale", "units", "axis_labels", "data")
"""What a layer says about its image; a change of any of them is a change of the image."""


class LayersHost:
    """`viewer` is napari's viewer or viewer model; images are its Image layers."""

    images_changed = Signal()

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        self.viewer = viewer
        self.parent = parent
        events = viewer.layers.events
        self._watched = (events.inserted, events.removed, events.reordered)
        for event in self._watched:
            event.connect(self._changed)
        for layer in viewer.layers:
            self._watch(layer)

    def _watch(self, layer: Any) -> None:
        for word in WORDS:
            getattr(layer.events, word).connect(self._changed)

    def disconnect(self) -> None:
        """Let go of the viewer."""
        for event in self._watched:
            event.disconnect(self._changed)
        for layer in self.viewer.layers:
            for word in WORDS:
                getattr(layer.events, word).disconnect(self._changed)

    def _changed(self, event: Any = None) -> None:
        layer: Any = getattr(event, "value", None)
        if getattr(event, "type", "") == "inserted" and hasattr(layer, "events"):
            self._watch(layer)
        self.images_changed.emit()

    def list_images(self) -> list[ImageRef]:
        return [ref for layer in self.viewer.layers if is_image(layer) and (ref := self._ref(layer))]

    def _ref(self, layer: Any) -> ImageRef | None:
        try:
            stack, origin, known = layer_stack(layer)
        except EMDiffError:
            return None  # a kind of array that is no image to us, such as one of six axes
        channel = origin.channel if origin else None
        return ImageRef(
            key=_key(layer),
            name=layer.name,
            stack=stack,
            channel=channel,
            is_result=bool(origin and origin.is_result),
            axes_known=known,
        )

    def _layer(self, key: str) -> Any | None:
        return next((layer for layer in self.viewer.layers if _key(layer) == key), None)

    def list_masks(self) -> list[MaskRef]:
        return [MaskRef(_key(layer), layer.name) for layer in self.viewer.layers if is_labels(layer)]

    def mask(self, key: str) -> NDArray[np.bool_] | None:
        layer = self._layer(key)
        if layer is None:
            return None
        marked = np.asarray(layer.data) != 0
        return marked.any(axis=tuple(range(marked.ndim - 2)))

    def new_mask(self, of: str) -> str:
        layer: Any = self._layer(of)
        (ref,) = (ref for ref in self.list_images() if ref.key == of)
        made = self.viewer.add_labels(
            np.zeros(ref.stack.plane_shape[:2], np.uint8),
            name="missing pixels",
            scale=layer.scale[-2:],
            translate=layer.translate[-2:],
            units=layer.units[-2:],
        )
        made.mode = "paint"
        return _key(made)

    def show_stack(self, stack: Stack, read: Sequence[Any] = ()) -> None:
        for pixels, keywords in layers_of(stack, read):
            self.viewer.add_image(pixels, **keywords)

    def correct(
        self, key: str, axes: str | None = None, pixel_size: Mapping[str, float] | None = None
    ) -> None:
        layer = self._layer(key)
        if layer is None:
            return
        if axes and "C" in axes:  # every channel is a layer by itself
            stack, _, _ = layer_stack(layer)
            told = {**stack.extras, SAID: {**stack.extras.get(SAID, {}), "axes": axes}}
            self.show_stack(without_doubts(stack.with_(axes=axes, source=None, extras=told)))
            layer.visible = False
            return
        layer.metadata[SAID] = {**layer.metadata.get(SAID, {}), **_new(layer, axes, pixel_size)}
        origin = layer.metadata.get(KEY)
        if isinstance(origin, Origin):
            layer.metadata[KEY] = replace(origin, stack=without_doubts(origin.stack))
        if axes:
            layer.axis_labels = tuple(axes.replace("S", ""))
        if pixel_size:
            letters = layer_stack(layer)[0].axes.replace("S", "")
            given = [pixel_size.get(axis) for axis in letters]
            layer.scale = tuple(new or old for new, old in zip(given, layer.scale, strict=True))
            layer.units = tuple(
                "um" if new else str(old) for new, old in zip(given, layer.units, strict=True)
            )
        self.images_changed.emit()

    def add_result(self, result: Result) -> str:
        pixels = LazyPixels(result.stack)
        keywords = result_keywords(result.stack, result.kind, self._layer(result.of), result.first)
        keywords["metadata"] = {KEY: Origin(result.stack, pixels, is_result=True)}
        if "contrast_limits" not in keywords:
            keywords["contrast_limits"] = (0.0, 1.0)  # nothing is there yet to find better ones
        return _key(self.viewer.add_image(pixels, **keywords))

    def renew_result(self, key: str, *, whole: bool = False) -> None:
        layer = self._layer(key)
        if layer is None:
            return  # the user has removed it meanwhile
        if whole:
            origin: Origin = layer.metadata[KEY]
            pixels = in_memory(origin.stack)  # a copy would take as much memory again
            layer.metadata[KEY] = replace(origin, pixels=pixels)
            layer.data = pixels
            if tuple(layer.contrast_limits) == (0.0, 1.0):
                layer.reset_contrast_limits_range()
                layer.reset_contrast_limits("data")
        else:
            layer.refresh()

    def remove_result(self, key: str) -> None:
        layer = self._layer(key)
        if layer is not None:
            self.viewer.layers.remove(layer)

    def say(self, message: Message) -> None:
        first, _, _ = message.text.partition(". ")  # there is one line; the panel shows all of it
        self.viewer.status = f"{first.rstrip('.')}."

    def ask_files(self, title: str, kinds: str) -> list[Path]:
        names, _ = QFileDialog.getOpenFileNames(self.parent, title, "", kinds)
        return [Path(name) for name in names]

    def ask_folder(self, title: str) -> Path | None:
        name = QFileDialog.getExistingDirectory(self.parent, title)
        return Path(name) if name else None

    def ask_new_file(self, title: str, suggestion: str, kinds: str) -> Path | None:
        name, _ = QFileDialog.getSaveFileName(self.parent, title, suggestion, kinds)
        return Path(name) if name else None


def _new(layer: Any, axes: str | None, pixel_size: Mapping[str, float] | None) -> dict[str, Any]:
    """Of what the user says, that which the file does not; the axes of one channel are not those of its file."""
    stack, origin, _ = layer_stack(layer)
    other_axes = axes and axes != stack.axes and not (origin and origin.channel is not None)
    sizes = {**stack.extras.get(SAID, {}).get("pixel_size", {}), **(pixel_size or {})}
    return ({"axes": axes} if other_axes else {}) | ({"pixel_size": sizes} if sizes else {})


def _key(layer: Any) -> str:
    """The same for a layer and for the proxy of it that napari hands to plugins."""
    return str(id(getattr(layer, "__wrapped__", layer)))
