"""Where the crops lie: drawn once, so that the same seed always learns from the same pixels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from emdiff_app.errors import RunError
from emdiff_app.images import Stack

__all__ = ["Place", "draw_places"]

BARRED = 0.25
"""The share of the places that those to judge by may keep from being learned from, by touching them."""
HELD_OUT = 0.125
"""The share of the pixels of small images that are kept aside."""
FEWEST = 8
"""Fewer places to learn from are none."""


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
    stacks: Sequence[Stack], side: int, held_out: int, count: int, seed: int, *, tries: int = 1
) -> tuple[list[Place], list[Place]]:
    """`held_out` places to judge by and up to `count` to learn from, none of which touch each other's set.

    Where that would keep much of small images from being learned, the first lie in corners, and are fewer. Every
    plane has its turn before one has its second. Of `tries` places on it the one with the most to see is taken: most
    of a picture of cells is background, which is learned soon.
    """
    for stack in stacks:
        if min(stack.sizes["Y"], stack.sizes["X"]) < side:
            raise RunError(
                f"{stack.name or 'An image'} is smaller than a crop of {side} pixels; nothing was started. Use "
                "larger images or a smaller crop (--crop)."
            )
    random = np.random.default_rng(seed)
    draw = _drawing(stacks, side, random, tries)
    judges = _in_corners(stacks, side, held_out, random) or [draw() for _ in range(held_out)]
    near: dict[tuple[int, tuple[int, ...]], list[Place]] = {}
    for judge in judges:
        near.setdefault((judge.stack, judge.index), []).append(judge)
    taken: dict[Place, None] = {}
    for _ in range(20 * count):
        if len(taken) == count:
            break
        place = draw()
        if not any(place.overlaps(judge, side) for judge in near.get((place.stack, place.index), [])):
            taken[place] = None
    if held_out and len(taken) < FEWEST:  # a few clean images may be no larger than a crop
        kept = f"{len(judges)} crop{'s' if len(judges) > 1 else ''} of {side} pixels"
        raise RunError(
            f"The images are too small to keep {kept} aside; nothing was started. Add images or use a smaller crop "
            "(--crop)."
        )
    return judges, list(taken)


def _planes_of(stacks: Sequence[Stack]) -> list[tuple[int, tuple[int, ...]]]:
    """Every plane: the number of its stack and its place in it."""
    return [(n, tuple(index)) for n, stack in enumerate(stacks) for index in stack.plane_indices()]


def _in_corners(
    stacks: Sequence[Stack], side: int, held_out: int, random: np.random.Generator
) -> list[Place]:
    """Places in corners for small images, where each one bars little; none where there is enough room anywhere."""
    planes = _planes_of(stacks)
    sizes = [(stacks[n].sizes["Y"], stacks[n].sizes["X"]) for n, _ in planes]
    room = [(rows - side + 1, columns - side + 1) for rows, columns in sizes]
    positions = sum(rows * columns for rows, columns in room)
    barred = sum(min(2 * side - 1, rows) * min(2 * side - 1, columns) for rows, columns in room) / len(room)
    if held_out * barred <= BARRED * positions:
        return []
    pixels = sum(rows * columns for rows, columns in sizes)
    fewer = max(min(held_out, int(HELD_OUT * pixels / side**2)), min(held_out, 1))
    corners = [
        Place(n, index, row, column)
        for (n, index), (rows, columns) in zip(planes, sizes, strict=True)
        for row in sorted({0, rows - side})
        for column in sorted({0, columns - side})
    ]
    return [corners[k] for k in random.permutation(len(corners))[:fewer]]


def _drawing(stacks: Sequence[Stack], side: int, rng: np.random.Generator, tries: int) -> Callable[[], Place]:
    planes = _planes_of(stacks)
    turn: list[int] = []

    def on(n: int, index: tuple[int, ...]) -> Place:
        sizes = stacks[n].sizes
        row, column = (int(rng.integers(sizes[axis] - side + 1)) for axis in "YX")
        return Place(n, index, row, column)

    def contrast(place: Place) -> float:
        rows, columns = slice(place.row, place.row + side), slice(place.column, place.column + side)
        pixels = stacks[place.stack].region(place.index, rows, columns).astype(np.float64)
        finite = pixels[np.isfinite(pixels)]
        return float(finite.std()) if finite.size else 0.0

    def draw() -> Place:
        if not turn:
            turn.extend(rng.permutation(len(planes)).tolist())
        n, index = planes[turn.pop()]
        places = [on(n, index) for _ in range(tries)]
        return max(places, key=contrast) if tries > 1 else places[0]

    return draw
