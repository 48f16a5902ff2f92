"""One look: what a network says of the recorded images themselves, which are states of the diffusion."""

import torch
from torch import Tensor

from .anchors import Sure
from .batch import Batch
from .prior import Prior

__all__ = ["one_look"]

SUREST = 1e-3
"""Nobody is surer of a pixel than this share of the noise: the estimate of the error may be negative."""


@torch.no_grad()
def one_look(prior: Prior, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The mean of every clean pixel, and its error as Stein's estimate has it, the same for all; for white noise."""
    mean, error = Sure().answered(prior, batch, generator)
    return mean, torch.maximum(error.mean(), SUREST * batch.variance().mean()).expand(mean.shape)
