"""One look: what a network says of the recorded images themselves, which are states of the diffusion."""

import torch
from torch import Tensor

from emdiff_app.physics.random import next_generator

from .anchors import Sure
from .batch import Batch
from .prior import Prior

__all__ = ["one_look"]

SUREST = 1e-3
"""Nobody is surer of a pixel than this share of the noise: the estimate of the error may be negative."""


@torch.no_grad()
def one_look(prior: Prior, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The mean of every clean pixel, and its error as Stein's estimate has it, the same for all of an image; for white
    noise.

    Each image has its own error and its own random numbers, whatever is computed beside it. Chance moves the error of
    an image of N pixels by about `2.5 / sqrt(N)` of the noise's variance: for the usual crops a twenty-fifth of it,
    where what the network leaves is a tenth or more.
    """
    y = batch.recorded_images
    mean, error = Sure().answered(prior, batch, _probe(y, generator))
    least = SUREST * _of_image(batch.variance())
    return mean, torch.maximum(_of_image(error), least).expand(mean.shape)


def _probe(like: Tensor, generator: torch.Generator) -> Tensor:
    """+-1 for every pixel, each image from a generator of its own."""
    probe = torch.empty_like(like)
    for image in probe:
        own = next_generator(generator)
        coins = torch.randint(0, 2, image.shape, generator=own, device=own.device)
        image.copy_(2 * coins - 1)
    return probe


def _of_image(pixels: Tensor) -> Tensor:
    """The mean of each image."""
    return pixels.mean(tuple(range(1, pixels.ndim)), keepdim=True)
