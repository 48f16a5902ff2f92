"""Random numbers for a part of a batch that are those of the whole batch, wherever the part is computed."""

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["PartGenerator", "drawn"]


class PartGenerator(torch.Generator):
    """Knows that the images at hand are those from `first` on of a batch of `whole`."""

    first: int
    whole: int

    @classmethod
    def at(cls, device: torch.device, seed: int, first: int, whole: int) -> "PartGenerator":
        generator = cls(device)
        generator.manual_seed(seed)
        generator.first, generator.whole = first, whole
        return generator


def drawn(
    draw: Callable[..., Tensor], shape: tuple[int, ...], generator: torch.Generator, *arguments: int
) -> Tensor:
    """`draw(*arguments, shape)` for the images at hand: what memory or several devices split stays the same."""
    first = generator.first if isinstance(generator, PartGenerator) else 0
    whole = generator.whole if isinstance(generator, PartGenerator) else shape[0]
    numbers = draw(*arguments, (whole, *shape[1:]), generator=generator, device=generator.device)
    return numbers[first : first + shape[0]]
