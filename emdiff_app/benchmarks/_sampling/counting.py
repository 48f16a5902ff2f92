"""Counting what a sampler asks of a prior: network evaluations and passes back through the network."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor

from emdiff_app.diffusion import Prior

__all__ = ["Count", "counted"]


@dataclass
class Count:
    """For each image: evaluations of the network, and gradients through it."""

    evaluations: int = 0
    gradients: int = 0


@contextlib.contextmanager
def counted(prior: Prior) -> Iterator[Count]:
    """Count every `denoise` of this prior, and every backward pass through its answer, in the block."""
    count = Count()
    plain = prior.denoise

    def denoise(x_t: Tensor, sigma: Tensor | float) -> Tensor:
        count.evaluations += 1
        answer = plain(x_t, sigma)
        if answer.requires_grad:
            answer.register_hook(_one_more(count))  # type: ignore[no-untyped-call]
        return answer

    prior.denoise = denoise  # type: ignore[method-assign]
    try:
        yield count
    finally:
        del prior.denoise


def _one_more(count: Count) -> Callable[[Tensor], None]:
    def hook(gradient: Tensor) -> None:
        count.gradients += 1

    return hook
