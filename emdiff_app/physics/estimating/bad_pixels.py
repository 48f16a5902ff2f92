"""Pixels of the camera that do not tell the truth: dead, hot, saturated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app.images import Stack
from emdiff_app.physics.noise import NoiseSpec

from .noise import NoiseEstimate, estimate_noise
from .sample import data_limits, sample_tiles

__all__ = ["BadPixels", "find_bad_pixels"]

PLANES = 16
PIXELS = 1 << 25
"""Of large planes fewer are looked at, up to this many pixels, but at least 4."""
STRIP = 1 << 20
"""Pixels that are looked at in one go."""
BEYOND = 6.0
"""Standard errors by which a pixel must leave its neighbours."""
ISOLATED = 5.0
"""A bad pixel leaves its surroundings this many times as far as the second brightest of its neighbours does. Light
through a lens never does: a point image raises four neighbours to at least a quarter of its peak."""
SPIKE = 10.0
"""Photons that may come together in one pixel by chance even where there is hardly any light (an upper bound for
the Poisson tail at the same odds as `BEYOND`, with room for the excess noise of electron multiplication)."""
NETWORK = (
    *((0, 2), (1, 3), (4, 6), (5, 7)),
    *((0, 4), (1, 5), (2, 6), (3, 7)),
    *((0, 1), (2, 3), (4, 5), (6, 7)),
    *((2, 4), (3, 5), (1, 4), (3, 6)),
    *((1, 2), (3, 4), (5, 6)),
)
MANY = 1e-3
"""A larger share of dead and hot pixels is more than cameras are sold with."""
FEW_PLANES = 4
Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class BadPixels:
    """Masks (YX) of the pixels that are dead or hot in every plane, and where the data saturate.

    `saturated` counts the pixels at the ceiling in the `planes` that were looked at.
    """

    dead: Mask
    hot: Mask
    ceiling: float | None
    saturated: int
    saturated_share: float
    planes: int

    @property
    def caveat(self) -> str | None:
        """What to know before believing the dead and the hot ones."""
        share = float(self.mask.mean())
        if share > MANY:
            return (
                f"{100 * share:.2g} % of dead and hot pixels is more than cameras have: the images probably show "
                "detail finer than their pixels, or were processed, and many of these are not the camera's."
            )
        if share and self.planes < FEW_PLANES:
            return (
                f"Dead and hot pixels were looked for in {self.planes} image{'s' if self.planes > 1 else ''} only, "
                "where a speck in the sample looks the same; images of several places tell them apart."
            )
        return None

    @property
    def mask(self) -> Mask:
        """Dead or hot pixels."""
        return self.dead | self.hot

    @property
    def counts(self) -> dict[str, int]:
        """How many there are of each."""
        return {"dead": int(self.dead.sum()), "hot": int(self.hot.sum()), "saturated": self.saturated}

    def saturated_in(self, plane: NDArray[Any]) -> Mask:
        """The pixels of one plane that reached the ceiling: the light there was at least this bright."""
        if self.ceiling is None:
            return np.zeros(plane.shape, bool)
        return np.asarray(plane >= self.ceiling)


def find_bad_pixels(stack: Stack, noise: NoiseSpec | NoiseEstimate | None = None) -> BadPixels:
    """Compare every pixel with those about it, in units of the noise, over up to `PLANES` planes.

    Hot and dead pixels stay where they are while the scene changes, so the planes are averaged first. A
    pixel is bad when it is `BEYOND` standard errors off its neighbours, in most planes, and too sharply for
    any image that came through a lens; or when it never changes although its noise should make it.
    The noise is estimated where none is given.
    """
    found = noise if noise is not None else estimate_noise(stack)
    model = found.model if isinstance(found, NoiseEstimate) else found
    indices = list(stack.plane_indices())
    count = min(PLANES, len(indices), max(4, PIXELS // max(1, int(np.prod(stack.plane_shape)))))
    chosen = np.unique(np.linspace(0, len(indices) - 1, count).round().astype(int))
    full = _full_well(stack)
    rows, columns = stack.plane_shape[:2]
    dead, hot = np.zeros((rows, columns), bool), np.zeros((rows, columns), bool)
    saturated = 0
    height = max(64, STRIP // max(columns, 1))
    for start in range(0, rows, height):
        stop = min(start + height, rows)
        wide = slice(max(start - 2, 0), min(stop + 2, rows))
        core = slice(start - wide.start, stop - wide.start)
        tally = _Tally((wide.stop - wide.start, columns))
        for number in chosen:
            strip = stack.region(indices[number], wide, slice(0, columns))
            if full is not None:
                saturated += int((strip[core] >= full).sum())
            for flat in [strip] if strip.ndim == 2 else [strip[..., s] for s in range(strip.shape[-1])]:
                tally.add(flat.astype(np.float32), model, np.inf if full is None else full)
        dead[start:stop], hot[start:stop] = (mask[core] for mask in tally.verdict())
    pixels = len(chosen) * int(np.prod(stack.plane_shape))
    return BadPixels(dead, hot, full, saturated, saturated / max(pixels, 1), len(chosen))


def _full_well(stack: Stack) -> float | None:
    """The value at which pixels saturate, or None.

    Images that were stretched so that their brightest pixel is the highest number of the type do not
    saturate there: few pixels have it, and others have the lowest.
    """
    tiles = [tile for *_, tile in sample_tiles(stack, list(stack.plane_indices()), np.random.default_rng(0))]
    _, top = data_limits(tiles, stack.dtype, stack.significant_bits)
    if not np.isfinite(top):
        return None
    at_top = max(int((t == top).sum()) for t in tiles)
    lowest = min(float(np.nanmin(t)) for t in tiles)
    stretched = stack.dtype.kind in "iu" and lowest == np.iinfo(stack.dtype).min
    return None if stretched and at_top < 8 else top


class _Tally:
    """Running sums over planes, so that only one is in memory."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.count = 0
        self.off, self.second_high, self.second_low, self.spike = (
            np.zeros(shape, np.float32) for _ in range(4)
        )
        self.high, self.low = (np.zeros(shape, np.int16) for _ in range(2))
        self.first: Floats | None = None
        self.same = np.ones(shape, bool)
        self.restless = np.zeros(shape, np.int16)

    def add(self, plane: Floats, model: NoiseSpec, ceiling: float) -> None:
        """Add how far each pixel lies off the ring about its neighbours, in standard deviations."""
        plane = np.where(np.isfinite(plane), plane, np.nanmedian(plane) if np.isfinite(plane).any() else 0.0)
        around = _sorted(_at_distance(plane, 1))
        ring = _sorted(_at_distance(plane, 2))
        middle = (ring[3] + ring[4]) / 2
        sigma = np.sqrt(np.maximum(model.variance(middle), 1e-30))
        spike = SPIKE * getattr(model, "gain", 0.0) / sigma
        # One plane must not decide alone (a cosmic ray), and a full well says nothing about its neighbours.
        limit = 20 + 2 * spike
        self.off += np.clip((plane - middle) / sigma, -limit, limit) * (around[6] < ceiling)
        self.spike += spike
        self.second_high += (around[6] - middle) / sigma
        self.second_low += (middle - around[1]) / sigma
        self.high += plane > around[6] + sigma
        self.low += plane < around[1] - sigma
        if self.first is None:
            self.first = plane
        self.same &= (plane == self.first) & (plane < ceiling)
        self.restless += (np.abs(middle - self.first) > 2 * sigma) | (sigma > 2)
        self.count += 1

    def verdict(self) -> tuple[Mask, Mask]:
        """Dead and hot pixels."""
        n = self.count
        off = self.off / n
        error = np.sqrt(1.2 / n)  # that of the pixel and of the middle of the ring
        usual = 0.85  # how far the second highest of eight normal draws lies off their middle
        hot = (off > BEYOND * error + self.spike / n**2) & (self.high >= 0.6 * n)
        hot &= off > ISOLATED * np.maximum(self.second_high / n - usual, error)
        dead = (-off > BEYOND * error) & (self.low >= 0.6 * n)
        dead &= -off > ISOLATED * np.maximum(self.second_low / n - usual, error)
        if n >= 6:
            # A whole patch that never changes was masked or padded; the camera is not to blame.
            alone = sum(_at_distance(self.same.astype(np.float32), 1)) <= 2
            stuck = self.same & alone & (self.restless >= 0.8 * n)
            hot |= stuck & (off > 0)
            dead |= stuck & (off <= 0)
        return dead & ~hot, hot


def _at_distance(plane: Floats, d: int) -> list[Floats]:
    """The eight pixels `d` away in rows, columns and diagonals, the border mirrored."""
    wide = np.pad(plane, d, mode="reflect" if min(plane.shape) > d else "edge")
    rows, columns = plane.shape
    steps = [(y, x) for y in (0, d, 2 * d) for x in (0, d, 2 * d) if (y, x) != (d, d)]
    return [wide[y : y + rows, x : x + columns] for y, x in steps]


def _sorted(eight: list[Floats]) -> list[Floats]:
    """Eight images sorted pixel by pixel: a sorting network, ten times as fast as `np.sort` along a short axis."""
    for i, j in NETWORK:
        eight[i], eight[j] = np.minimum(eight[i], eight[j]), np.maximum(eight[i], eight[j])
    return eight
