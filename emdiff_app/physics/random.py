"""Random numbers that belong to an image, not to its place in a batch."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["generator_of", "white"]


def generator_of(seed: int | torch.Generator) -> torch.Generator:
    """A CPU generator for a seed; the same numbers then reach every device."""
    if isinstance(seed, torch.Generator):
        return seed
    generator = torch.Generator()
    generator.manual_seed(seed)
    return generator


def white(like: Tensor, generator: torch.Generator) -> Tensor:
    """`n ~ N(0, 1)` in the shape of `like`; each image from a seed of its own, so batches may be cut
    anywhere.
    """
    noise = torch.empty_like(like)
    home = generator.device
    for image in noise:
        own = torch.Generator(home)
        own.manual_seed(int(torch.randint(2**62, (), generator=generator, device=home)))
        image.copy_(torch.randn(image.shape, generator=own, device=home, dtype=like.dtype))
    return noise
