"""Which pixels of a stack the noise is measured on: a spread of tiles, or pairs of repeated frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app.errors import PhysicsError
from emdiff_app.images import Stack

from .blocks import BLOCK, Blocks, measure_blocks

__all__ = ["Sample", "data_limits", "sample_blocks", "sample_tiles", "stretched_planes"]

TILE = 512
TILES = 48
FINE_STRIDE_BELOW = 3_000_000
"""Below this many pixels the blocks overlap by half, which is worth half as much again of data."""
LARGEST = 1 << 26
"""Planes of more pixels are not read whole only to see how they were stretched."""

Index = tuple[int, ...]
Tile = tuple[Index, tuple[slice, slice], NDArray[Any]]


@dataclass(frozen=True)
class Sample:
    """Measured blocks of a stack, those of each plane apart (`planes`), and the median of the pixels."""

    blocks: Blocks
    planes: tuple[Blocks, ...]
    median: float
    from_repeats: bool = False
    caveats: tuple[str, ...] = ()


def sample_blocks(
    stack: Stack, *, planes: Sequence[Index] | None = None, repeats: bool | None = None, seed: int = 0
) -> Sample:
    """Measure the blocks of a random spread of tiles; colour samples count as planes of their own."""
    rng = np.random.default_rng(seed)
    read = sample_tiles(stack, list(stack.plane_indices()) if planes is None else list(planes), rng)
    floor, ceiling = data_limits([tile for *_, tile in read], stack.dtype, stack.significant_bits)
    count = sum(tile.size for *_, tile in read)
    stride = BLOCK // 2 if count < FINE_STRIDE_BELOW else BLOCK
    measure = partial(measure_blocks, stride=stride, floor=floor, ceiling=ceiling)
    values = np.concatenate([_some(tile, rng) for *_, tile in read])
    values = values[np.isfinite(values)]
    if not values.size:
        raise PhysicsError(
            f"{stack.name}: there are no finite pixels to measure noise on; check that the file is the right one."
        )
    median = float(np.median(values))
    wanted = repeats if repeats is not None else stack.sizes.get("T", 1) > 1
    if wanted and planes is None:
        pairs = _pairs(stack, read, measure, insist=repeats is True)
        if pairs is not None:
            return Sample(Blocks.join(pairs), tuple(pairs), median, from_repeats=True)
    own: dict[Index, list[Blocks]] = {}
    for index, _, tile in read:
        own.setdefault(index, []).extend(measure(p) for p in _flat(tile))
    joined = tuple(Blocks.join(parts) for parts in own.values())
    return Sample(Blocks.join(list(joined)), joined, median)


def sample_tiles(stack: Stack, planes: Sequence[Index], rng: np.random.Generator) -> list[Tile]:
    """A random spread of tiles with their plane and place, in float64; small stacks come whole."""
    return [
        (index, where, np.asarray(stack.region(index, *where), np.float64))
        for index, where in _places(stack, planes, rng)
    ]


def stretched_planes(stack: Stack, planes: int = 12) -> bool:
    """Whether (nearly) every plane reaches both ends of its range: each was stretched on its own.

    Ends are 0 and the highest number of an integer type, or exactly 0 and 1 (or 255) in floats.
    """
    indices = list(stack.plane_indices())
    if stack.sizes["Y"] * stack.sizes["X"] > LARGEST:
        return False
    chosen = np.linspace(0, len(indices) - 1, min(planes, len(indices))).round().astype(int)
    hits = 0
    for number in chosen:
        plane = stack.plane(indices[number])
        if plane.size == 0:
            return False
        low, high = plane.min(), plane.max()
        tops = (np.iinfo(stack.dtype).max,) if stack.dtype.kind in "iu" else (1, 255, 65535)
        hits += bool(low == 0 and high in tops)
    return bool(hits >= 0.8 * len(chosen))


def data_limits(
    tiles: Sequence[NDArray[Any]], dtype: np.dtype[Any], bits: int | None = None
) -> tuple[float, float]:
    """The lowest and the highest value that noise runs into; infinite where there is no such wall.

    A wall is the end of the integer type (or of its significant bits), or any lowest or highest value at
    which pixels pile up: at least 8 of them, and 4 times as many as in the next values of the same number.
    """
    low = min((float(np.nanmin(t)) for t in tiles if np.isfinite(t).any()), default=-np.inf)
    high = max((float(np.nanmax(t)) for t in tiles if np.isfinite(t).any()), default=np.inf)
    whole = dtype.kind in "iu"
    floor = low if (whole and low == np.iinfo(dtype).min) or _piles_up(tiles, low) else -np.inf
    tops = {float(np.iinfo(dtype).max)} if whole else set()
    if bits:
        tops.add(float(2**bits - 1))
    ceiling = high if high in tops or _piles_up(tiles, high) else np.inf
    return (floor, ceiling) if low < high else (-np.inf, np.inf)


def _piles_up(tiles: Sequence[NDArray[Any]], end: float) -> bool:
    """Whether many more pixels have exactly the value `end` than have any one value next to it."""
    at_end = sum(int((t == end).sum()) for t in tiles)
    if at_end < 8:
        return False
    near = np.concatenate([t[(t != end) & (np.abs(t - end) <= _step(tiles))].ravel() for t in tiles])
    if not near.size:
        return True
    _, counts = np.unique(near, return_counts=True)
    return bool(at_end > 4 * counts.mean())


def _step(tiles: Sequence[NDArray[Any]]) -> float:
    """A hundredth of the range of the values, but at least 4 grey levels."""
    low = min(float(np.nanmin(t)) for t in tiles)
    high = max(float(np.nanmax(t)) for t in tiles)
    return max(0.01 * (high - low), min(4.0, 0.1 * (high - low)))


def _places(
    stack: Stack, indices: Sequence[Index], rng: np.random.Generator
) -> list[tuple[Index, tuple[slice, slice]]]:
    """At most `TILES` tiles, over as many planes as that reaches."""
    height, width = stack.sizes["Y"], stack.sizes["X"]
    corners = [(y, x) for y in range(0, height, TILE) for x in range(0, width, TILE)]
    order = rng.permutation(len(indices))[:TILES]
    each = max(1, TILES // len(order))
    tiles = []
    for number in np.sort(order):
        for corner in np.sort(rng.permutation(len(corners))[:each]):
            y, x = corners[corner]
            tiles.append((indices[number], (slice(y, min(y + TILE, height)), slice(x, min(x + TILE, width)))))
    small = TILE * TILE // max(1, height * width)
    if len(indices) > len(order) and small > 1:  # tiny planes: take more of them, up to the same pixels
        more = rng.permutation(len(indices))[: TILES * small]
        tiles = [(indices[n], (slice(0, height), slice(0, width))) for n in np.sort(more)]
    return tiles


def _flat(tile: NDArray[Any]) -> list[NDArray[Any]]:
    """The planes of a tile: one, or one per colour sample."""
    return [tile] if tile.ndim == 2 else [tile[..., s] for s in range(tile.shape[-1])]


def _some(tile: NDArray[Any], rng: np.random.Generator, count: int = 50_000) -> NDArray[Any]:
    flat = tile.ravel()
    return flat if flat.size <= count else rng.choice(flat, count, replace=False)


def _pairs(
    stack: Stack, read: list[Tile], measure: Callable[..., Blocks], insist: bool
) -> list[Blocks] | None:
    """Blocks of the differences between neighbouring frames, or None where the scene moves."""
    at = stack.outer_axes.find("T") if "T" in stack.outer_axes else 0
    count = stack.shape[at] if stack.outer_axes else 1
    if count < 2:
        return None
    found, moving = [], 0
    for index, where, tile in read[:TILES]:
        step = 1 if index[at] + 1 < count else -1
        neighbour = (*index[:at], index[at] + step, *index[at + 1 :])
        other = np.asarray(stack.region(neighbour, *where), np.float64)
        for a, b in zip(_flat(tile), _flat(other), strict=True):
            single, double = measure(a), measure(a, b)
            moving += not _still(single, double)
            found.append(double)
    return None if not insist and moving > 0.2 * len(found) else found


def _still(single: Blocks, double: Blocks) -> bool:
    """Where a single frame has most structure, the difference of two has none beyond noise."""
    if len(single) != len(double) or not len(single):
        return False
    structured = single.texture >= np.quantile(single.texture, 0.75)
    ratio = double.texture[structured] / np.maximum(double.variance[structured], 1e-30)
    return bool(np.median(ratio) < 1.25)
