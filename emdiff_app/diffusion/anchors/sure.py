"""Noise at the level of the recorded images: Stein's unbiased estimate of the error without the truth.

For `y = x + sigma n`, `E||D(y) - x||^2 = E[ ||D(y) - y||^2 - sigma^2 N + 2 sum_i sigma_i^2 dD_i/dy_i ]`. The
divergence is measured by one random probe `b` of +-1: `b . (D(y + h sigma b) - D(y)) sigma / h`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..batch import Batch
from ..drawing import drawn
from ..prior import Prior
from .term import level_of, normal

__all__ = ["Sure"]

STEP = 0.02
"""h, in units of the noise: small beside the noise, large beside rounding."""


@dataclass(frozen=True)
class Sure:
    """For Gaussian noise of known size and images without missing pixels. Weighed like plain denoising.

    Each image gets more noise before, up to `wider` times its own level more: with y itself still what is aimed at,
    `E||D(y + t n') - x||^2 = E[ ||D - y||^2 - sigma^2 N + 2 sum_i sigma_i^2 dD_i/dy_i ]` holds for any t.
    """

    wider: float = 0.0

    def loss(self, prior: Prior, batch: Batch, generator: torch.Generator) -> Tensor:
        if not bool(batch.seen.all()):
            raise ValueError("SURE needs every pixel; with missing ones learn by further masking")
        y, own = batch.recorded_images, level_of(prior, batch)
        if not self.wider:
            return (prior.weight(own) * self.error(prior, batch, generator)).mean()
        more = 1 + self.wider * drawn(torch.rand, (len(y),), generator).to(y).reshape(-1, *[1] * (y.ndim - 1))
        state = y + own * (more.square() - 1).sqrt() * normal(y, generator)
        _, error = _answered(prior, batch, state, own * more, _coins(y, generator))
        return (prior.weight(own * more) * error).mean()

    def error(self, prior: Prior, batch: Batch, generator: torch.Generator) -> Tensor:
        """The estimated squared error of each pixel of D(y); right on average, and often negative."""
        return self.answered(prior, batch, _coins(batch.recorded_images, generator))[1]

    def answered(self, prior: Prior, batch: Batch, probe: Tensor) -> tuple[Tensor, Tensor]:
        """D(y) beside that, for a probe of the caller's."""
        return _answered(prior, batch, batch.recorded_images, level_of(prior, batch), probe)


def _coins(like: Tensor, generator: torch.Generator) -> Tensor:
    return (2 * drawn(torch.randint, tuple(like.shape), generator, 0, 2) - 1).to(like)


def _answered(
    prior: Prior, batch: Batch, state: Tensor, level: Tensor, probe: Tensor
) -> tuple[Tensor, Tensor]:
    """D(state, level) and its estimated error, where the state is y with more noise."""
    y, own = batch.recorded_images, level_of(prior, batch)
    with prior.in_float32():  # a small difference of large numbers
        answer = prior.denoise(state, level)
        moved = prior.denoise(state + STEP * own * probe, level)
    divergence = probe * (moved - answer) * own / STEP
    return answer, (answer - y).square() - batch.variance() + 2 * divergence
