"""Samples in pairs: the second sees the noise of the first with its sign turned.

Each of them is a posterior sample like any other. But a posterior is nearly Gaussian around its mean, so a sampler
makes `x = m + A n + r(n)` with r small, and `A n` leaves the mean of a pair: the mean of 4 pairs is as good as that of
more than 32 samples drawn by themselves, for the price of 8.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

__all__ = ["Turned", "degrees", "in_pairs", "variance_of"]


class Turned(torch.Generator):
    """A generator whose normal numbers are to be taken with the other sign."""

    sign = -1.0


def in_pairs(generator: torch.Generator, count: int) -> Iterator[torch.Generator]:
    """A generator for each of `count` samples of the same images: 0 and 1 are a pair, 2 and 3, and so on."""
    seed = 0
    for number in range(count):
        if number % 2 == 0:
            seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
        own = (Turned if number % 2 else torch.Generator)(generator.device)
        own.manual_seed(seed)
        yield own


def degrees(count: int) -> float:
    """Degrees of freedom of the variance: a pair shows one deviation from the mean, twice; so K / 2, not K - 1.

    For an odd count the single one at the end adds what it can: `(K - 1/K) / 2`.
    """
    return (count if count % 2 == 0 else count - 1 / count) / 2


def variance_of(samples: Tensor) -> Tensor:
    """Unbiased variance over the first axis: the mean of pairs is taken for exact; zero of one sample."""
    squares = (samples - samples.mean(0)).square().sum(0)
    return squares / max(2 * degrees(len(samples)), 1.0)
