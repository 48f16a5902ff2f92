"""The intensity scale: one affine map for a whole dataset, from recorded grey levels to the prior's units."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from emdiff_app.errors import StackError

from .stack import Stack

__all__ = ["IntensityScale"]


_WHOLE_PLANE = 1 << 24
"""Planes of more pixels than this are not read whole to draw a sample from."""
_BANDS = 64


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
        flat = np.ptp(values) == 0
        if offset is not None and gain <= 0 and not flat:
            raise StackError(
                f"Hardly a pixel is brighter than {offset:g}, which the imaging model says is the camera's offset, so "
                "there is nothing to learn or restore; nothing was changed. Check offset, files and channel."
            )
        if flat or not np.isfinite(gain) or gain <= 0:
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
    parts: list[NDArray[np.float64]] = []
    for number in np.sort(chosen):
        stack, index = indices[number]
        flat = _part(stack, index, share, rng).ravel().astype(np.float64)
        flat = flat[np.isfinite(flat)]
        parts.append(flat if flat.size <= share else rng.choice(flat, share, replace=False))
    values = np.concatenate(parts)
    if not values.size:
        raise StackError("The images hold no finite values (all NaN); check the files.")
    return values


def _part(stack: Stack, index: tuple[int, ...], share: int, rng: np.random.Generator) -> NDArray[Any]:
    """A plane, or bands of rows spread over it where the plane is much larger than the share asked of it."""
    rows, pixels = stack.sizes["Y"], math.prod(stack.plane_shape)
    if pixels <= max(_WHOLE_PLANE, 4 * share):
        return stack.plane(index)
    # Twice the share, in bands: enough to draw from, and each band is one read for most formats.
    height = max(1, 2 * share * rows // (pixels * _BANDS))
    edges = np.linspace(0, rows - height, _BANDS)
    starts = np.clip(edges + rng.uniform(-0.5, 0.5, _BANDS) * edges[1], 0, rows - height).astype(int)
    return np.concatenate([stack.region(index, slice(y, y + height), slice(None)) for y in starts.tolist()])
