"""Random numbers that belong to a place in the image.

A block of a large plane must see the noise that the whole plane would see there, and the same seed must give the
same samples however a plane is cut. So noise is drawn in cells of the endless plane, each seeded by
(seed, pair of samples, how many draws came before, plane, cell); the second of a pair has the other sign.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["PlacedNoise"]

CELL = 64
FAR = CELL << 20
"""Where the first pixel lies, so that no place is negative."""


class PlacedNoise(torch.Generator):
    """The random numbers of one block: where samplers take a generator, this one knows its place.

    `field` are the recorded pixels of the block, the first of which is at `origin`. Images on its `domain` lie on
    a grid that is finer by `factors`; larger ones are a torus around it, the far half of whose margin lies before
    the first pixel. `samples` numbers the images of the batch: 0 and 1 are a pair, 2 and 3, and so on.
    """

    def __new__(cls, *_: object) -> "PlacedNoise":
        return super().__new__(cls)  # the one of torch takes nothing of ours

    def __init__(
        self,
        seed: int,
        plane: Sequence[int],
        samples: Sequence[int],
        origin: Sequence[int],
        field: Sequence[int],
        domain: Sequence[int],
        factors: Sequence[int],
    ) -> None:
        super().__init__()
        self.key = (seed % 2**64, *plane)
        self.samples, self.origin, self.field = samples, origin, tuple(field)
        self.domain, self.factors = tuple(domain), factors
        self.calls = 0

    def white(self, like: Tensor) -> Tensor:
        """`n ~ N(0, 1)` in the shape of `like`, (B, C, *spatial)."""
        spatial = tuple(like.shape[2:])
        if spatial == self.field:
            start, before = list(self.origin), [0] * len(spatial)
        else:
            start = [o * f for o, f in zip(self.origin, self.factors, strict=True)]
            before = [(n - own) // 2 for n, own in zip(spatial, self.domain, strict=True)]
        drawn = np.empty(tuple(like.shape), np.float32)
        corner = [FAR + s - b for s, b in zip(start, before, strict=True)]
        for image, sample in zip(drawn, self.samples, strict=True):
            for deep in np.ndindex(*spatial[:-2]):
                z = [s + d for s, d in zip(corner, deep, strict=False)]
                self._fill(image[(slice(None), *deep)], (*self.key, sample // 2, self.calls, *z), corner[-2:])
            if sample % 2:
                np.negative(image, out=image)
        self.calls += 1
        rolled = np.roll(drawn, [-b for b in before], tuple(range(2, like.ndim))) if any(before) else drawn
        return torch.from_numpy(rolled).to(like.device, like.dtype)

    def _fill(self, plane: NDArray[np.float32], key: tuple[int, ...], start: Sequence[int]) -> None:
        """Fill (C, rows, columns) of the endless plane from `start` on."""
        channels, rows, columns = plane.shape
        top, left = start
        for row in range(top // CELL, -(-(top + rows) // CELL)):
            for column in range(left // CELL, -(-(left + columns) // CELL)):
                bits = np.random.SFC64(np.random.SeedSequence([*key, row, column]))
                cell = np.random.Generator(bits).standard_normal((channels, CELL, CELL), dtype=np.float32)
                y, x = row * CELL - top, column * CELL - left
                there = (slice(max(y, 0), min(y + CELL, rows)), slice(max(x, 0), min(x + CELL, columns)))
                here = tuple(slice(t.start - o, t.stop - o) for t, o in zip(there, (y, x), strict=True))
                plane[(slice(None), *there)] = cell[(slice(None), *here)]
