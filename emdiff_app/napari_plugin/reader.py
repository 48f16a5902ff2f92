"""Opens images with their pixel size, units, axes and channels; napari's own readers drop these."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

__all__ = ["get_reader"]

LayerData = tuple[Any, dict[str, Any], str]
FOLDERS = {".zarr"}


def get_reader(path: str | Sequence[str]) -> Callable[[Any], list[LayerData]] | None:
    """The reader for `path`, or None for what is not ours, such as a folder that is no OME-Zarr."""
    paths = [path] if isinstance(path, str) else list(path)
    if not paths or any(Path(p).is_dir() and Path(p).suffix not in FOLDERS for p in paths):
        return None
    return read


def read(path: str | Sequence[str]) -> list[LayerData]:
    """One layer for each channel of each file."""
    from emdiff_app.gui.layers import layers_of
    from emdiff_app.images import open_stack

    paths = [path] if isinstance(path, str) else list(path)
    return [
        (pixels, keywords, "image")
        for each in paths
        for pixels, keywords in layers_of(open_stack(Path(each)))
    ]
