"""Random masks: drop further pixels, predict all observed ones, `||A (D(A~ y + s n, s) - y)||^2`.

A network that cannot know which of the pixels that it misses will be asked for must restore them all: the
best D is `E[x | what is shown]`. What is missing is told by the noise map, where its level is the largest.
Noise in y, of known size, is taken care of as in `above_noise`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..batch import Batch
from ..drawing import drawn
from ..prior import Prior
from .above_noise import loss_above

__all__ = ["FurtherMasking"]


@dataclass(frozen=True)
class FurtherMasking:
    """Each observed pixel is dropped with the probability `share`, all its channels together."""

    share: float = 0.2

    def loss(self, prior: Prior, batch: Batch, generator: torch.Generator) -> Tensor:
        y = batch.recorded_images
        shape = (len(y), 1, *y.shape[2:])
        kept = drawn(torch.rand, shape, generator).to(y) >= self.share
        return loss_above(prior, batch, batch.seen & kept, generator)
