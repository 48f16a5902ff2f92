"""The intensity scale: one affine map for a whole dataset, from recorded grey levels to the prior's units."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from emdiff_app.errors import StackError

from .stack import Stack

__all__ = ["IntensityScale"]


class IntensityScale(BaseModel):
    """`scaled = (recorded - offset) / gain`; `recorded = scaled * gain + offset`.

    One map per dataset and never per plane: two planes that differ in brightness stay different. The
    camera offset is removed first, so that zero means no light.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    offset: float = Field(allow_inf_nan=False)
    gain: float = Field(gt=0, allow_inf_nan=False)

    def forward(self, recorded: Any) -> Any:
        """Recorded grey levels to the prior's units; arrays and tensors alike."""
        return (recorded - self.offset) / self.gain

    def inverse(self, scaled: Any) -> Any:
        """The prior's units back to grey levels."""
        return scaled * self.gain + self.offset

    @classmethod
    def fit(
        cls,
        stacks: Iterable[Stack],
        *,
        offset: float | None = None,
        percentile: float = 99.5,
        planes: int = 64,
        pixels: int = 1 << 20,
        seed: int = 0,
    ) -> "IntensityScale":
        """Measure the scale on a random subsample of the planes.

        `offset` is the camera's, where it is known; otherwise the 0.5th percentile stands for it. The
        gain brings the upper `percentile` to one.
        """
        values = _subsample(list(stacks), planes, pixels, np.random.default_rng(seed))
        low = float(np.percentile(values, 100 - percentile)) if offset is None else float(offset)
        gain = float(np.percentile(values, percentile)) - low
        if not np.isfinite(gain) or gain <= 0:
            raise StackError(
                "The images are constant, so there is nothing to learn or restore; nothing was changed. "
                "Check that the right files and the right channel were chosen."
            )
        return cls(offset=low, gain=gain)


def _subsample(
    stacks: list[Stack], planes: int, pixels: int, rng: np.random.Generator
) -> NDArray[np.floating[Any]]:
    indices = [(stack, index) for stack in stacks for index in stack.plane_indices()]
    if not indices:
        raise StackError("There are no images to measure the intensities on; choose at least one.")
    chosen = rng.choice(len(indices), min(planes, len(indices)), replace=False)
    share = -(-pixels // len(chosen))
    parts = []
    for number in np.sort(chosen):
        stack, index = indices[number]
        flat = stack.plane(index).ravel().astype(np.float64)
        flat = flat[np.isfinite(flat)]
        parts.append(flat if flat.size <= share else rng.choice(flat, share, replace=False))
    values = np.concatenate(parts)
    if not values.size:
        raise StackError("The images hold no finite values (all NaN); check the files.")
    return values
