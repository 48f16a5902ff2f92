"""Saves an image layer with its pixel size, units and axes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

__all__ = ["write_image"]


def write_image(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write one layer; napari has asked before an old file is replaced."""
    from emdiff_app.gui.layers import layer_stack
    from emdiff_app.images import save_stack

    layer = SimpleNamespace(**{**attributes, "data": data})
    layer.multiscale = attributes.get("multiscale", False)
    first = data[0] if layer.multiscale else data
    layer.ndim = len(first.shape) - (1 if attributes.get("rgb") else 0)
    stack, _, _ = layer_stack(layer)
    save_stack(stack, Path(path), overwrite=True)
    return [path]
