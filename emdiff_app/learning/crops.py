"""Crops of the recorded images: where they lie is drawn once, their pixels are read when needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emdiff_app.errors import RunError
from emdiff_app.images import IntensityScale, Stack

__all__ = ["CropSet", "Place", "draw_places"]


@dataclass(frozen=True)
class Place:
    """One crop: a plane of a stack and its upper left corner."""

    stack: int
    index: tuple[int, ...]
    row: int
    column: int

    def overlaps(self, other: "Place", side: int) -> bool:
        return (
            (self.stack, self.index) == (other.stack, other.index)
            and abs(self.row - other.row) < side
            and abs(self.column - other.column) < side
        )


def draw_places(
    stacks: Sequence[Stack], side: int, held_out: int, count: int, seed: int
) -> tuple[list[Place], list[Place]]:
    """`held_out` places to judge by and up to `count` to learn from, none of which touch each other's set."""
    rng = np.random.default_rng(seed)
    planes = [(n, index) for n, stack in enumerate(stacks) for index in stack.plane_indices()]
    for stack in stacks:
        if min(stack.sizes["Y"], stack.sizes["X"]) < side:
            raise RunError(
                f"{stack.name or 'An image'} is smaller than a crop of {side} pixels; nothing was started. Use "
                "larger images or a smaller crop."
            )

    def draw() -> Place:
        n, index = planes[rng.integers(len(planes))]
        sizes = stacks[n].sizes
        row, column = (int(rng.integers(sizes[axis] - side + 1)) for axis in "YX")
        return Place(n, index, row, column)

    judges = [draw() for _ in range(held_out)]
    taken: list[Place] = []
    for _ in range(20 * count):
        if len(taken) == count:
            break
        place = draw()
        if not any(place.overlaps(judge, side) for judge in judges):
            taken.append(place)
    if len(taken) < 8:
        raise RunError(
            f"The images are too small to keep {held_out} crops of {side} pixels aside; nothing was started. "
            "Add images or use a smaller crop."
        )
    return judges, taken


@dataclass(frozen=True)
class CropSet:
    """Crops in the prior's units; `batch` reads just the ones that it is asked for."""

    stacks: Sequence[Stack]
    places: Sequence[Place]
    side: int
    scale: IntensityScale

    def __len__(self) -> int:
        return len(self.places)

    def batch(self, start: int, stop: int) -> Tensor:
        """Crops `start` to `stop` as `(B, C, side, side)`; colour samples are channels."""
        crops = [self._read(place) for place in self.places[start:stop]]
        scaled: NDArray[Any] = self.scale.forward(np.stack(crops).astype(np.float32))
        return torch.from_numpy(scaled)

    def _read(self, place: Place) -> NDArray[Any]:
        rows = slice(place.row, place.row + self.side)
        columns = slice(place.column, place.column + self.side)
        crop = self.stacks[place.stack].region(place.index, rows, columns)
        crop = crop[None] if crop.ndim == 2 else np.moveaxis(crop, -1, 0)
        if not np.isfinite(crop).all():
            raise RunError(
                f"{self.stacks[place.stack].name} holds values that are not finite (NaN); nothing is lost. "
                "Repair or leave out that file."
            )
        return crop
