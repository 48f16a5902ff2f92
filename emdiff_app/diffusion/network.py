"""A purely convolutional U-Net: no position, no attention, so that it runs on any tile that it is given.

Microscopy is nearly stationary, and a network that only looks around each pixel can be learned on crops
and used on whole planes. The noise level is an image beside the others, and every block is scaled and
shifted by a pointwise function of it. A single number is a map of one pixel, which broadcasts.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["SIZES", "Architecture", "UNet", "parameter_count"]


class Architecture(NamedTuple):
    """Channels at full, half, quarter, ... resolution; the blocks at each on the way down and up again.

    `up` has one entry less: at the coarsest resolution there is one way only.
    """

    widths: tuple[int, ...]
    down: tuple[int, ...]
    up: tuple[int, ...]


SIZES = {
    "tiny": Architecture((16, 32, 64), (1, 1, 2), (1, 1)),
    "small": Architecture((32, 64, 96), (1, 1, 2), (1, 1)),
    "standard": Architecture((48, 96, 192), (2, 2, 3), (2, 2)),
    "large": Architecture((64, 128, 256, 384), (2, 2, 3, 3), (2, 2, 3)),
}
EMBEDDING = 32


class UNet(nn.Module):
    """`(B, inputs, H, W)` and a log noise map `(B, 1, h, w)` to `(B, outputs, H, W)`.

    `h, w` are either 1 (one level for the image) or `H, W`. Sides that are no multiple of `stride` are
    padded by their last line and cropped again.
    """

    def __init__(self, inputs: int, architecture: Architecture, outputs: int | None = None) -> None:
        super().__init__()
        widths, down, up = architecture
        if len(down) != len(widths) or len(up) != len(widths) - 1:
            raise ValueError(f"{widths}, {down} and {up} do not fit together")
        self.architecture = Architecture(tuple(widths), tuple(down), tuple(up))
        self.stride = 2 ** (len(widths) - 1)
        self.embed = nn.Sequential(
            nn.Conv2d(2, EMBEDDING, 1), nn.SiLU(), nn.Conv2d(EMBEDDING, EMBEDDING, 1), nn.SiLU()
        )
        self.stem = nn.Conv2d(inputs + 1, widths[0], 3, padding=1)
        self.down = nn.ModuleList(_Blocks(w, n) for w, n in zip(widths, down, strict=True))
        self.shrink = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in itertools.pairwise(widths))
        self.grow = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in itertools.pairwise(widths))
        self.up = nn.ModuleList(_Blocks(w, n) for w, n in zip(widths[:-1], up, strict=True))
        self.head = nn.Conv2d(widths[0], outputs or inputs, 3, padding=1)
        _start_at_zero(self.head)

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        x = _padded(x, self.stride)
        level = _padded(level, self.stride) if _is_map(level) else level
        embedded = [
            self.embed(torch.cat([v, v.square()], 1)) for v in _halvings(level, len(self.architecture.widths))
        ]
        x = self.stem(torch.cat([x, level.expand(-1, -1, *x.shape[-2:])], 1))
        skips = []
        for depth, blocks in enumerate(self.down):
            x = blocks(x, embedded[depth])
            if depth < len(self.shrink):
                skips.append(x)
                x = self.shrink[depth](x)
        for depth in reversed(range(len(self.up))):
            x = F.interpolate(self.grow[depth](x), scale_factor=2.0, mode="nearest") + skips[depth]
            x = self.up[depth](x, embedded[depth])
        return self.head(F.silu(x))[..., :height, :width]

    @property
    def reach(self) -> int:
        """How many pixels away a pixel can still matter, at most: the halo that a tile needs.

        Exact: walks from one pixel of the result back to all that it depends on. The answer differs from
        pixel to pixel within a stride, and is the largest.
        """
        spans = ((p, *self._seen_from(p - 1, p + 1)) for p in range(self.stride))
        return max(max(p - first, last - p) for p, first, last in spans)

    def _seen_from(self, first: int, last: int, depth: int = 0) -> tuple[int, int]:
        """The first and the last pixel of the input under `first` to `last` of what leaves a resolution."""
        widths, down, up = self.architecture
        if depth + 1 < len(widths):
            margin = 2 * up[depth]
            coarse = self._seen_from((first - margin) // 2, (last + margin) // 2, depth + 1)
            first, last = 2 * coarse[0], 2 * coarse[1] + 1
        margin = 2 * down[depth] + (depth == 0)
        return first - margin, last + margin


class _Block(nn.Module):
    """`x + conv(silu((1 + scale(level)) conv(silu(x)) + shift(level)))`.

    No normalisation over space: it would make the result depend on the tile. The second convolution
    starts at zero, so that a deep network starts as the identity.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.film = nn.Conv2d(EMBEDDING, 2 * width, 1)
        _start_at_zero(self.second)
        _start_at_zero(self.film)

    def forward(self, x: Tensor, embedded: Tensor) -> Tensor:
        scale, shift = self.film(embedded).chunk(2, 1)
        h = torch.addcmul(shift, self.first(F.silu(x)), 1 + scale)
        return x + self.second(F.silu(h))


class _Blocks(nn.Module):
    """Blocks in a row, all told the same noise level."""

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_Block(width) for _ in range(count))

    def forward(self, x: Tensor, embedded: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, embedded)
        return x


def _start_at_zero(layer: nn.Conv2d) -> None:
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)


def _is_map(level: Tensor) -> bool:
    return level.shape[-2:] != (1, 1)


def _padded(x: Tensor, multiple: int) -> Tensor:
    bottom, right = -x.shape[-2] % multiple, -x.shape[-1] % multiple
    return F.pad(x, (0, right, 0, bottom), mode="replicate") if bottom or right else x


def _halvings(level: Tensor, count: int) -> Sequence[Tensor]:
    """The level at full, half, ... resolution; the same one where it is a number."""
    out = [level]
    for _ in range(count - 1):
        out.append(F.avg_pool2d(out[-1], 2) if _is_map(level) else level)
    return out


def parameter_count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())
