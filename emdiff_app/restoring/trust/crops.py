"""The crops of a stack that a check looks at: which they are, and what was recorded there."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emdiff_app.errors import EMDiffError
from emdiff_app.images import IntensityScale, Stack
from emdiff_app.physics import ImagingModel, MaskSpec

__all__ = ["Crop", "choose", "masks_of", "read_crop", "without_masks"]

DEPTH = 8
"""Slices of a crop of a volume."""
LOOKED_AT, LARGEST = 12, 2048
"""Crops are chosen from so many planes, and from a part of this side where planes are larger."""
LEAST = 0.25
"""Of a crop at least this share must have been recorded, where the stack has such crops."""


@dataclass(frozen=True)
class Crop:
    """Where in the stack: the plane's index, and the first row and column."""

    index: tuple[int, ...]
    row: int
    column: int

    @property
    def name(self) -> str:
        plane = f"plane {', '.join(map(str, self.index))}, " if self.index else ""
        return f"{plane}rows from {self.row}, columns from {self.column}"


def choose(stack: Stack, field: tuple[int, ...], count: int, seed: int) -> tuple[Crop, ...]:
    """Half of the crops where there is most to see, half of them anywhere."""
    rng = np.random.default_rng(seed)
    planes = list(stack.plane_indices())
    looked = [planes[i] for i in sorted(rng.choice(len(planes), min(len(planes), LOOKED_AT), replace=False))]
    found: list[tuple[float, Crop]] = []
    sparse: list[tuple[float, Crop]] = []
    for index in looked:
        starts = [int(rng.integers(max(stack.sizes[a] - LARGEST, 0) + 1)) for a in "YX"]
        part = [slice(s, min(s + LARGEST, stack.sizes[a])) for s, a in zip(starts, "YX", strict=True)]
        plane = stack.region(index, *part)
        grey = plane.mean(-1) if plane.ndim == 3 else plane
        for row, column in itertools.product(*map(_starts, grey.shape, field)):
            crop = np.asarray(grey[row : row + field[0], column : column + field[1]], np.float64)
            finite = crop[np.isfinite(crop)]
            if finite.size:
                own = found if finite.size >= LEAST * crop.size else sparse
                own.append((float(finite.std()), Crop(tuple(index), starts[0] + row, starts[1] + column)))
    found = found or sparse
    if not found:
        raise EMDiffError(
            f"{stack.name or 'The stack'} holds no finite values, so there is nothing to check."
        )
    found.sort(key=lambda pair: -pair[0])
    best = [crop for _, crop in found[: (count + 1) // 2]]
    rest = [crop for _, crop in found[len(best) :]]
    order = rng.permutation(len(rest))[: count - len(best)]
    return tuple(best + [rest[i] for i in order])


def _starts(length: int, field: int) -> list[int]:
    """Windows side by side; the last one ends at the border."""
    return sorted({*range(0, length - field + 1, field), length - field})


def read_crop(
    stack: Stack, model: ImagingModel, place: Crop, field: tuple[int, ...], deep: bool, scale: IntensityScale
) -> Tensor:
    """The crop as (C, [Z,] Y, X) in the prior's units; pixels that were not recorded are NaN."""
    rows, columns = slice(place.row, place.row + field[0]), slice(place.column, place.column + field[1])
    if deep:
        axis = [a for a in stack.axes if a not in "YXS"].index("Z")
        depth = stack.sizes["Z"]
        first = min(max(place.index[axis] - DEPTH // 2, 0), max(depth - DEPTH, 0))
        slices = [
            stack.region((*place.index[:axis], z, *place.index[axis + 1 :]), rows, columns)
            for z in range(first, min(first + DEPTH, depth))
        ]
        part = np.stack(slices)
    else:
        part = stack.region(place.index, rows, columns)
    values = np.asarray(part, np.float32)
    values = np.moveaxis(values, -1, 0) if "S" in stack.axes else values[None]
    y = torch.from_numpy(np.ascontiguousarray(scale.forward(values), np.float32))
    seen = _recorded(stack, model, rows, columns)
    return y if seen is None else torch.where(torch.from_numpy(seen), y, torch.nan)


def _recorded(stack: Stack, model: ImagingModel, rows: slice, columns: slice) -> NDArray[np.bool_] | None:
    """Which pixels of a crop the model's masks let through; those that come with the images are known by NaN."""
    if not any(mask.pattern != "array" for mask in masks_of(model)):
        return None
    whole = tuple(stack.sizes[a] for a in "YX")
    masks = model.model_copy(update={"operator": masks_of(model)})
    observed = masks.bind(whole, pixel_size=stack.pixel_size).observed
    return None if observed is None else np.asarray(observed[0, 0, rows, columns].cpu().numpy(), bool)


def masks_of(model: ImagingModel) -> tuple[Any, ...]:
    return tuple(o for o in model.operator if isinstance(o, MaskSpec))


def without_masks(model: ImagingModel) -> ImagingModel:
    """Missing pixels are NaN in the images: each crop has its own."""
    if not masks_of(model):
        return model
    if not isinstance(model.operator[-1], MaskSpec) or len(masks_of(model)) > 1:
        raise EMDiffError(
            "An imaging model whose mask is not its last operator cannot be checked with a prior yet; nothing was "
            "checked. Check without --prior."
        )
    return model.model_copy(update={"operator": model.operator[:-1]})
