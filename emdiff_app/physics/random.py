"""Random numbers that belong to an image, not to its place in a batch."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["generator_of", "next_generator", "white"]


def generator_of(seed: int | torch.Generator) -> torch.Generator:
    """A CPU generator for a seed; the same numbers then reach every device."""
    if isinstance(seed, torch.Generator):
        return seed
    generator = torch.Generator()
    generator.manual_seed(seed)
    return generator


def next_generator(generator: torch.Generator) -> torch.Generator:
    """A generator for one image, seeded by the next number of `generator`.

    An image that has one of its own depends neither on its neighbours in the batch nor on how a dataset is
    cut into batches.
    """
    own = torch.Generator(generator.device)
    own.manual_seed(int(torch.randint(2**62, (), generator=generator, device=generator.device)))
    return own


def white(like: Tensor, generator: torch.Generator) -> Tensor:
    """`n ~ N(0, 1)` in the shape of `like`, each image from a generator of its own."""
    noise = torch.empty_like(like)
    for image in noise:
        own = next_generator(generator)
        image.copy_(torch.randn(image.shape, generator=own, device=own.device, dtype=like.dtype))
    return noise
