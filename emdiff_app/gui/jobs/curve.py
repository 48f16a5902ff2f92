"""A curve that may grow for days and stays small: when it is full, neighbours are averaged."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Curve"]

FULL = 4000


@dataclass
class Curve:
    """Points (x, y); each kept point is the mean of `stride` recorded ones."""

    stride: int = 1
    _points: list[tuple[float, float]] = field(default_factory=list)
    _waiting: list[tuple[float, float]] = field(default_factory=list)

    def add(self, x: float, y: float) -> None:
        self._waiting.append((x, y))
        if len(self._waiting) < self.stride:
            return
        self._points.append(_mean(self._waiting))
        self._waiting = []
        if len(self._points) >= FULL:
            self.stride *= 2
            pairs = zip(self._points[::2], self._points[1::2], strict=True)
            self._points = [_mean(list(pair)) for pair in pairs]

    def arrays(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """A copy to draw, with the points that still wait for their mean."""
        points = [*self._points, *([_mean(self._waiting)] if self._waiting else [])]
        both = np.array(points, dtype=float).reshape(-1, 2)
        return both[:, 0], both[:, 1]


def _mean(points: list[tuple[float, float]]) -> tuple[float, float]:
    return (sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points))
