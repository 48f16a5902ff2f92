"""Where the results of one unit of work come together, block by block, in recorded units."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from emdiff_app.images import IntensityScale
from emdiff_app.physics.checking import Agreement

from .moments import Moments, prior_alone

__all__ = ["Collected", "Place"]

Place = tuple[slice, ...]
"""Planes, rows and columns of the unit's result."""


@dataclass
class Collected:
    """For every result its planes `(planes, Y, X)` or `(planes, Y, X, S)`, and what there is to say of them.

    The spread is `widened` by this factor; `missing` recorded pixels were no numbers.
    """

    planes: dict[str, NDArray[np.float32]]
    scale: IntensityScale
    sigma_data: float
    widened: float = 1.0
    missing: int = 0
    fits: list[Agreement] = field(default_factory=list)
    unstable: bool = False

    def estimate(self, place: Place, mean: Tensor, variance: Tensor) -> None:
        """The clean estimate of a block and its variance, (1, C, *spatial) in the prior's units."""
        self._fill("mean", place, self.scale.inverse(_planes(mean)))
        variance = variance.clamp_min(0).expand(mean.shape)
        self._fill("spread", place, self.widened * self.scale.gain * _planes(variance.sqrt()))
        self._fill("prior-alone", place, _planes(prior_alone(variance, self.sigma_data)))

    def sample(self, place: Place, number: int, x: Tensor, moments: Moments) -> None:
        """Sample `number` (from 0) of a block."""
        moments.add(x)
        many = [name for name in self.planes if name.startswith("sample-")]
        for name in ["sample"] * (number == 0) + many[number : number + 1]:
            self._fill(name, place, self.scale.inverse(_planes(x)))

    def _fill(self, name: str, place: Place, values: NDArray[Any]) -> None:
        if name in self.planes:
            self.planes[name][place] = values


def _planes(x: Tensor) -> NDArray[Any]:
    """(1, C, *spatial) as planes (Z or 1, Y, X) or (Z or 1, Y, X, S)."""
    array: NDArray[Any] = x[0].numpy()
    array = array if array.ndim == 4 else array[:, None]
    return array[0] if len(array) == 1 else np.moveaxis(array, 0, -1)
