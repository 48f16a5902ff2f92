"""Whole stacks without a prior: each plane is restored when it is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from emdiff_app import __version__
from emdiff_app.errors import EMDiffError
from emdiff_app.images import IntensityScale, Saved, Stack, open_stack, save_stack
from emdiff_app.physics import ImagingModel
from emdiff_app.restoring.alike import alike
from emdiff_app.restoring.optics import Optics

from .registry import Progress, method
from .restoring import prepared, restore_with

__all__ = ["TEACHING", "is_restored", "restored_stack", "save_restored"]

TEACHING = 16
"""Planes that a method learns from; more would not fit into memory where they are large."""


def restored_stack(
    stack: Stack,
    model: ImagingModel,
    name: str,
    settings: Mapping[str, Any],
    *,
    on_learning: Progress | None = None,
) -> Stack:
    """`stack` as the method `name` restores it, with finer pixels where the model says that some were lost.

    What the method learns, it learns now, from planes all along the stack; `on_learning` hears how far it is.
    """
    method(name).settings(settings)
    if method(name).learn is not None:
        indices = list(stack.plane_indices())
        planes = [stack.plane(index) for index in indices[:: -(-len(indices) // TEACHING)]]
        settings = prepared(
            name, planes, model, pixel_size=stack.pixel_size, on_progress=on_learning, **settings
        )
    return alike(stack, _Restored(stack, model, name, settings), name, _optics(stack, model), "YX")


def save_restored(
    made: Stack,
    path: Path,
    source: Stack,
    model: ImagingModel,
    name: str,
    settings: Mapping[str, Any],
    *,
    dtype: str = "float32",
    overwrite: bool = False,
    compression: str = "none",
    on_plane: Callable[[int, int], None] = lambda done, planes: None,
) -> Saved:
    """Write what `restored_stack` gave, plane by plane, with a note of how it was made."""
    return save_stack(
        made,
        path,
        dtype=dtype,
        overwrite=overwrite,
        compression=compression,
        provenance={"program": f"EMDiff {__version__}", **_facts(source, model, name, settings)},
        on_plane=on_plane,
    )


def is_restored(
    path: Path, source: Stack, model: ImagingModel, name: str, settings: Mapping[str, Any]
) -> bool:
    """Whether the file is there and says that it was made of such a stack in this very way."""
    if not path.exists():
        return False
    try:
        with open_stack(path) as stack:
            said = stack.extras.get("provenance", {})
    except EMDiffError:
        return False
    facts = json.loads(json.dumps(_facts(source, model, name, settings), default=str))
    return isinstance(said, Mapping) and all(said.get(key) == value for key, value in facts.items())


def _facts(source: Stack, model: ImagingModel, name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What decided a result."""
    return {
        "source": source.source.name if source.source else source.name,
        "method": name,
        "settings": dict(settings),
        "imaging_model": model.model_dump(mode="json", exclude_none=True),
    }


def _optics(stack: Stack, model: ImagingModel) -> Optics:
    field = (stack.sizes["Y"], stack.sizes["X"])
    as_recorded = IntensityScale(offset=0.0, gain=1.0)
    return Optics(model, field, stack.pixel_size, as_recorded, torch.device("cpu"))


@dataclass(frozen=True)
class _Restored:
    """A reader that restores each plane of another stack when it is asked for."""

    stack: Stack
    model: ImagingModel
    method: str
    settings: Mapping[str, Any]

    def read(self, index: tuple[int, ...]) -> NDArray[Any]:
        return restore_with(
            self.method,
            self.stack.plane(index),
            self.model,
            pixel_size=self.stack.pixel_size,
            **self.settings,
        )

    def read_region(self, index: tuple[int, ...], rows: slice, columns: slice) -> NDArray[Any]:
        return self.read(index)[rows, columns]

    def close(self) -> None:
        """The stack itself is closed by whoever opened it."""
