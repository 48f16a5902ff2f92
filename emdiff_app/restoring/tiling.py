"""A prior that looks at large images tile by tile, without seams.

A purely convolutional network sees `reach` pixels around each pixel and shrinks the image on a grid of `stride`.
A tile that starts on that grid and is larger by the reach gives in its middle what the whole image gives. The
cuts move at random from one evaluation to the next, as far as that costs no further tile.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from emdiff_app.diffusion import Prior
from emdiff_app.diffusion.memory import is_out_of_memory
from emdiff_app.diffusion.prior import as_map

__all__ = ["Tiled", "cuts"]

SMALLEST = 32
"""Tiles do not become smaller than this many pixels a side."""

OnTile = Callable[[int, int], None]


@dataclass(frozen=True)
class _Piece:
    """Which part of the result one evaluation gives: images, then a range along each axis.

    `window` is how much of rows and columns it looks at: the same for all pieces, so that each uses the memory that the
    one before it left.
    """

    images: slice
    core: tuple[slice, ...]
    window: tuple[int, int]


class Tiled(Prior):
    """`prior` evaluated on pieces of at most `pixels` pixels, halo included (or `tile` pixels a side without it).

    `on_tile(done, of)` is called after every piece and may raise to cancel. Where memory runs out the tiles become
    half as large, for good, and `on_halved` is told their side.
    """

    def __init__(
        self,
        prior: Prior,
        *,
        pixels: int = 1 << 20,
        tile: int | None = None,
        on_tile: OnTile | None = None,
        on_halved: Callable[[int], None] | None = None,
    ) -> None:
        super().__init__(prior.channels, prior.sigma_data)
        # Convolutions of large images are up to twice as fast with the channels of a pixel side by side.
        self.inner: Prior = prior.to(memory_format=torch.channels_last)
        self.takes_maps = prior.takes_maps
        self.neighbours = int(getattr(prior, "neighbours", 0))
        self.stride = int(getattr(prior, "stride", 1))
        reach = getattr(prior, "reach", None)
        """None for closed forms: they know the whole image, and need little memory."""
        self.halo = None if reach is None else -(-int(reach) // self.stride) * self.stride
        self.pixels = pixels
        if tile is not None and self.halo is not None:
            self.pixels = (tile + 2 * self.halo) ** 2
        self.on_tile = on_tile or (lambda done, of: None)
        self.on_halved = on_halved or (lambda side: None)
        self._shifts = np.random.default_rng(0)

    @property
    def side(self) -> int:
        """The side of a square tile, without its halo."""
        side = int(self.pixels**0.5) - 2 * (self.halo or 0)
        return max(side // self.stride * self.stride, SMALLEST)

    def denoise(self, x_t: Tensor, sigma: Tensor | float) -> Tensor:
        (mean,) = self._tiled(lambda x, s: (self.inner.denoise(x, s),), x_t, sigma)
        return mean

    def denoise_with_variance(self, x_t: Tensor, sigma: Tensor | float) -> tuple[Tensor, Tensor]:
        mean, variance = self._tiled(self.inner.denoise_with_variance, x_t, sigma)
        return mean, variance

    def centre(self, like: Tensor) -> Tensor:
        return self.inner.centre(like)

    def in_float32(self) -> AbstractContextManager[None]:
        return self.inner.in_float32()

    def _tiled(
        self, evaluate: Callable[[Tensor, Tensor], tuple[Tensor, ...]], x: Tensor, sigma: Tensor | float
    ) -> tuple[Tensor, ...]:
        s = as_map(sigma, x)
        if self.neighbours and x.ndim == 4:  # a single plane is a volume of one slice
            return tuple(made[:, :, 0] for made in self._tiled(evaluate, x[:, :, None], s[:, :, None]))
        while True:
            try:
                return self._assembled(evaluate, x, s)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or self.halo is None or self.side <= SMALLEST:
                    raise
            # Outside the except block, where the traceback would keep the tensors of the failed attempt alive.
            self.pixels = min(self.pixels // 2, (max(self.side // 2, SMALLEST) + 2 * self.halo) ** 2)
            if x.is_cuda:
                torch.cuda.empty_cache()
            self.on_halved(self.side)

    def _assembled(
        self, evaluate: Callable[[Tensor, Tensor], tuple[Tensor, ...]], x: Tensor, s: Tensor
    ) -> tuple[Tensor, ...]:
        if self.halo is None:
            whole = evaluate(x, s)
            self.on_tile(1, 1)
            return whole
        pieces = list(self._pieces(tuple(x.shape)))
        results: tuple[Tensor, ...] = ()
        for number, piece in enumerate(pieces):
            around, inside = self._around(piece, tuple(x.shape))
            made = evaluate(x[around], _part(s, around))
            if len(pieces) == 1:
                results = made
            else:
                results = results or tuple(torch.empty_like(x) for _ in made)
                for result, part in zip(results, made, strict=True):
                    result[(piece.images, slice(None), *piece.core)] = part[inside]
            self.on_tile(number + 1, len(pieces))
        return results

    def _pieces(self, shape: tuple[int, ...]) -> Iterator[_Piece]:
        """A partition of a batch of this shape, with the cuts between tiles in new places each time."""
        count, depth = shape[0], shape[2] if len(shape) == 5 else 1
        height, width = shape[-2:]
        if height * width <= self.pixels:
            rows, columns = [slice(0, height)], [slice(0, width)]
        else:
            rows, columns = (
                cuts(n, self._side(n, shape), self.stride, self._shifts) for n in (height, width)
            )
        around = 2 * (self.halo or 0)
        high, wide = (
            min(max(p.stop - p.start for p in parts) + around, n)
            for parts, n in ((rows, height), (columns, width))
        )
        together = max(self.pixels // (high * wide), 1)
        slices = max(min(depth, together - 2 * self.neighbours), 1)
        images = max(together // (depth + 2 * self.neighbours), 1) if slices == depth else 1
        for first in range(0, count, images):
            batch = slice(first, min(first + images, count))
            for z, r, c in itertools.product(range(0, depth, slices), rows, columns):
                deep = (slice(z, min(z + slices, depth)),) if len(shape) == 5 else ()
                yield _Piece(batch, (*deep, r, c), (high, wide))

    def _side(self, length: int, shape: tuple[int, ...]) -> int:
        """The longest side of tiles along an axis: all of a short one leaves more for the other."""
        other = min(shape[-2:])
        if length != other and other <= self.side:
            longest = self.pixels // other - 2 * (self.halo or 0)
            return max(longest // self.stride * self.stride, SMALLEST)
        return min(self.side, length)

    def _around(self, piece: _Piece, shape: tuple[int, ...]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        """The piece with its halo, as far as there is an image, and where the piece lies in that."""
        outer, inner = [piece.images, slice(None)], [slice(None), slice(None)]
        for part, n in zip(piece.core[:-2], shape[2:-2], strict=True):
            outer.append(slice(max(part.start - self.neighbours, 0), min(part.stop + self.neighbours, n)))
        for part, n, window in zip(piece.core[-2:], shape[-2:], piece.window, strict=True):
            last = (n - window) // self.stride * self.stride
            start = min(max(part.start - (self.halo or 0), 0), last)
            outer.append(slice(start, n if start == last else start + window))
        for part, seen in zip(piece.core, outer[2:], strict=True):
            inner.append(slice(part.start - seen.start, part.stop - seen.start))
        return tuple(outer), tuple(inner)


def cuts(length: int, side: int, stride: int, shifts: np.random.Generator | None = None) -> list[slice]:
    """`length` pixels in the fewest parts of at most `side` and nearly one size, cut at multiples of `stride`.

    Each time a little elsewhere, at random, as far as `side` allows.
    """
    side = max(side // stride, 1) * stride
    count = -(-length // side)
    side = min(side, (-(-length // (count * stride)) + 1) * stride)
    slack = (count * side - length) // stride
    shift = 0 if shifts is None or count == 1 else int(shifts.integers(slack + 1)) * stride
    edges = [0, *(k * side - shift for k in range(1, count)), length]
    return [slice(a, b) for a, b in itertools.pairwise(edges) if b > a]


def _part(s: Tensor, around: tuple[slice, ...]) -> Tensor:
    """The part of a noise map; numbers as they are."""
    key = tuple(p if n > 1 else slice(None) for p, n in zip(around, s.shape, strict=False))
    return s[key]
