"""How much memory a restoration takes, and into which blocks planes and volumes are cut that do not fit."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from emdiff_app.diffusion import Prior
from emdiff_app.diffusion.memory import free_bytes

from .optics import Block
from .tiling import cuts

__all__ = ["Budget", "Cut", "bytes_each", "cut_up"]

SHARE = 0.6
"""Of the free memory, where the user sets no limit."""
STATE = 200
"""Bytes that a sampler keeps for a pixel of each sample and channel. Measured: 70 to 170."""
LOOK = 64
"""The same for one look of the denoiser."""
RESULT = 4
"""Each result of a pixel that waits for its plane to be whole."""
BACKWARD = 3
"""Methods that need its gradient keep what the network computed, about so many times what a tile takes."""
FOR_TILES = 0.4
"""The part of the memory that is left to the network."""
EACH_CHANNEL = 48
"""Bytes that the network keeps for a pixel and a channel of its widest resolution. Measured: 28 to 42."""
LARGEST = {"cpu": 1024**2, "cuda": 4096**2, "mps": 2048**2}
"""Larger tiles are no faster."""
SMALLEST_SIDE = 64


@dataclass(frozen=True)
class Budget:
    """Bytes that images and tiles may take."""

    size: int
    device: str

    @classmethod
    def of(cls, limit: float | None, device: torch.device) -> "Budget":
        free = free_bytes(device)
        return cls(int(SHARE * free if limit is None else limit), device.type)

    def tile_pixels(self, prior: Prior) -> int:
        """How many pixels the network may look at at once."""
        fitting = int(FOR_TILES * self.size / _each_in_network(prior))
        return max(min(fitting, LARGEST.get(self.device, 1024**2)), SMALLEST_SIDE**2)

    def state_pixels(self, each: int) -> int:
        """How many recorded pixels may be worked on at once where each of them takes so many bytes."""
        return max(int((1 - FOR_TILES) * self.size / each), SMALLEST_SIDE**2)


def bytes_each(prior: Prior, *, samples: int, gradients: bool, finer: int, results: int = 0) -> int:
    """What a recorded pixel of a sample takes, with `finer` restored ones in its place, and so many `results` of it."""
    state = STATE if samples else LOOK
    kept = BACKWARD * _each_in_network(prior) if gradients else 0
    return finer * ((state + RESULT * results) * prior.channels + kept)


def _each_in_network(prior: Prior) -> int:
    widths = getattr(getattr(prior, "architecture", None), "widths", (1,))
    return EACH_CHANNEL * int(widths[0])


@dataclass(frozen=True)
class Cut:
    """A block of the field, and the core of it that is kept (both in pixels of the field)."""

    block: Block
    core: Block

    @property
    def inside(self) -> Block:
        """Where the core lies in the block."""
        return tuple(
            slice(c.start - b.start, c.stop - b.start) for c, b in zip(self.core, self.block, strict=True)
        )

    @property
    def pixels(self) -> int:
        return math.prod(s.stop - s.start for s in self.block)

    @property
    def origin(self) -> tuple[int, ...]:
        return tuple(s.start for s in self.block)

    @property
    def lengths(self) -> tuple[int, ...]:
        return tuple(s.stop - s.start for s in self.block)


def cut_up(field: Sequence[int], pixels: int, margins: Sequence[int], stride: int) -> list[Cut]:
    """`field` in blocks of about `pixels` pixels, margins included, that begin at multiples of `stride`.

    Z is cut first: slices are the natural pieces of a volume. The cores do not overlap.
    """
    margins = [-(-m // stride) * stride if axis >= len(field) - 2 else m for axis, m in enumerate(margins)]
    if math.prod(field) <= pixels:
        whole = tuple(slice(0, n) for n in field)
        return [Cut(whole, whole)]
    outer: list[list[slice]] = []
    rest = pixels
    if len(field) == 3:
        depth, around = field[0], 2 * margins[0]
        # Where not even one slice with its margins fits, blocks are as thick as what surrounds them.
        thick = max(pixels // (field[1] * field[2]) - around, 0) or around + 1
        outer = [cuts(depth, thick, 1)]
        rest = pixels // min(thick + around, depth)
    sides = _sides(field[-2:], rest, margins[-2:])
    flat = [cuts(n, side, stride) for n, side in zip(field[-2:], sides, strict=True)]
    cores = itertools.product(*outer, *flat)
    return [Cut(_with_margins(core, field, margins), core) for core in cores]


def _sides(plane: Sequence[int], pixels: int, margins: Sequence[int]) -> list[int]:
    """The sides of cores, without their margins; a short side is left whole."""
    height, width = plane
    if height * width <= pixels:
        return [height, width]
    side = math.isqrt(pixels)
    if height <= side:
        return [height, max(pixels // height - 2 * margins[1], SMALLEST_SIDE)]
    if width <= side:
        return [max(pixels // width - 2 * margins[0], SMALLEST_SIDE), width]
    return [max(side - 2 * m, SMALLEST_SIDE) for m in margins]


def _with_margins(core: Block, field: Sequence[int], margins: Sequence[int]) -> Block:
    return tuple(
        slice(max(s.start - m, 0), min(s.stop + m, n)) for s, m, n in zip(core, margins, field, strict=True)
    )
