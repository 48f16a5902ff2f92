"""Crops of the recorded images: their pixels are read when needed, never all at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emdiff_app.errors import RunError
from emdiff_app.images import IntensityScale, Stack

from .places import Place

__all__ = ["CropSet"]


@dataclass(frozen=True)
class CropSet:
    """Crops in the prior's units; only the ones that are asked for are read.

    With `holes`, pixels that are not finite were not recorded; otherwise they are a fault of the file.
    """

    stacks: Sequence[Stack]
    places: Sequence[Place]
    side: int
    scale: IntensityScale
    holes: bool = False

    def __len__(self) -> int:
        return len(self.places)

    def batch(self, start: int, stop: int) -> Tensor:
        """Crops `start` to `stop` as `(B, C, side, side)`; colour samples are channels."""
        return self.chosen(range(start, min(stop, len(self))))

    def chosen(self, numbers: Sequence[int]) -> Tensor:
        """The crops of these numbers."""
        crops = [self._read(self.places[number]) for number in numbers]
        scaled: NDArray[Any] = self.scale.forward(
            np.stack(crops).astype(np.float64)
        )  # an offset may be large
        return torch.from_numpy(scaled.astype(np.float32))

    def see_to_numbers(self, which: Sequence[int], between: Callable[[], None]) -> None:
        """Refuse a value that is no number before hours of work, not in the round that first meets it."""
        for place in (self.places[number] for number in which):
            if not self.holes and np.issubdtype(self.stacks[place.stack].dtype, np.floating):
                between()
                self._read(place)

    def _read(self, place: Place) -> NDArray[Any]:
        rows = slice(place.row, place.row + self.side)
        columns = slice(place.column, place.column + self.side)
        crop = self.stacks[place.stack].region(place.index, rows, columns)
        crop = crop[None] if crop.ndim == 2 else np.moveaxis(crop, -1, 0)
        if not self.holes and not np.isfinite(crop).all():
            raise RunError(
                f"{self.stacks[place.stack].name} holds values that are not finite (NaN); what was saved is kept. "
                "Repair that file or leave it out, and start a new run."
            )
        return crop
