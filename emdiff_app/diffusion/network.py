"""A purely convolutional U-Net: no position, no attention, so that it runs on any tile that it is given.

Microscopy is nearly stationary, and a network that only looks around each pixel can be learned on crops
and used on whole planes. The noise level enters as a map: every block is scaled and shifted by a pointwise
function of it. A single number is a map of one pixel, which broadcasts; so both cost what they must.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["SIZES", "Architecture", "UNet", "parameter_count"]


class Architecture(NamedTuple):
    """Channels at full, half, quarter, ... resolution and the number of blocks at each."""

    widths: tuple[int, ...]
    blocks: tuple[int, ...]


SIZES = {
    "tiny": Architecture((16, 32, 64), (1, 1, 1)),
    "small": Architecture((24, 48, 96), (1, 2, 2)),
    "standard": Architecture((48, 96, 192), (2, 3, 3)),
    "large": Architecture((96, 192, 384, 384), (2, 3, 4, 4)),
}
EMBEDDING = 64


class UNet(nn.Module):
    """`(B, C_in, H, W)` and a log noise map `(B, 1, h, w)` to `(B, C_out, H, W)`.

    `h, w` are either 1 (one level for the image) or `H, W`. Sides that are no multiple of the coarsest
    pixel are padded by reflection and cropped again.
    """

    def __init__(self, channels: int, architecture: Architecture, outputs: int | None = None) -> None:
        super().__init__()
        widths, blocks = architecture
        self.stride = 2 ** (len(widths) - 1)
        self.architecture = architecture
        self.embed = nn.Sequential(
            nn.Conv2d(2, EMBEDDING, 1), nn.SiLU(), nn.Conv2d(EMBEDDING, EMBEDDING, 1), nn.SiLU()
        )
        self.stem = nn.Conv2d(channels, widths[0], 3, padding=1)
        self.down = nn.ModuleList(_Blocks(w, n) for w, n in zip(widths, blocks, strict=True))
        self.shrink = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in _pairs(widths))
        self.grow = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in _pairs(widths))
        self.up = nn.ModuleList(_Blocks(w, n) for w, n in zip(widths[:-1], blocks[:-1], strict=True))
        self.head = nn.Conv2d(widths[0], outputs or channels, 3, padding=1)
        _start_at_zero(self.head)

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        x = _padded(x, self.stride)
        level = _padded(level, self.stride) if level.shape[-1] > 1 else level
        levels = [level, *_halved(level, len(self.down) - 1)]
        embedded = [self.embed(torch.cat([v, v.square()], 1)) for v in levels]
        x = self.stem(x)
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
        """How many pixels away a pixel can still matter: the halo that a tile needs."""
        counts = self.architecture.blocks
        reach, scale = 1 + 1, 1
        for depth, count in enumerate(counts):
            passes = 2 if depth < len(counts) - 1 else 1
            reach += passes * count * 2 * scale + (scale if passes == 2 else 0)
            scale *= 2
        return reach + self.stride


class _Block(nn.Module):
    """`x + conv(silu(scale(level) * norm-free conv(silu(x)) + shift(level)))`.

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


def _pairs(widths: Sequence[int]) -> list[tuple[int, int]]:
    return list(itertools.pairwise(widths))


def _padded(x: Tensor, multiple: int) -> Tensor:
    bottom, right = -x.shape[-2] % multiple, -x.shape[-1] % multiple
    return F.pad(x, (0, right, 0, bottom), mode="reflect") if bottom or right else x


def _halved(level: Tensor, times: int) -> list[Tensor]:
    out: list[Tensor] = []
    for _ in range(times):
        level = F.avg_pool2d(level, 2) if level.shape[-1] > 1 else level
        out.append(level)
    return out


def parameter_count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())
