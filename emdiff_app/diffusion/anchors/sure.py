"""Noise at the level of the recorded images: Stein's unbiased estimate of the error without the truth.

For `y = x + sigma n`, `E||D(y) - x||^2 = E[ ||D(y) - y||^2 - sigma^2 N + 2 sum_i sigma_i^2 dD_i/dy_i ]`. The
divergence is measured by one random probe `b` of +-1: `b . (D(y + h sigma b) - D(y)) sigma / h`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..batch import Batch
from ..drawing import drawn
from ..prior import SMALLEST, Prior

__all__ = ["Sure"]

STEP = 0.02
"""h, in units of the noise: small beside the noise, large beside rounding."""


@dataclass(frozen=True)
class Sure:
    """For Gaussian noise of known size and images without missing pixels. Weighed like plain denoising."""

    def loss(self, prior: Prior, batch: Batch, generator: torch.Generator) -> Tensor:
        if not bool(batch.seen.all()):
            raise ValueError("SURE needs every pixel; with missing ones learn by further masking")
        s = batch.variance().clamp_min((SMALLEST * prior.sigma_data) ** 2).sqrt()
        return (prior.weight(s) * self.error(prior, batch, generator)).mean()

    def error(self, prior: Prior, batch: Batch, generator: torch.Generator) -> Tensor:
        """The estimated squared error of each pixel; right on average, and often negative."""
        y, variance = batch.recorded_images, batch.variance()
        s = variance.clamp_min((SMALLEST * prior.sigma_data) ** 2).sqrt()
        coin = drawn(torch.randint, tuple(y.shape), generator, 0, 2)
        probe = (2 * coin - 1).to(y)
        with prior.in_float32():  # a small difference of large numbers
            answer = prior.denoise(y, s)
            moved = prior.denoise(y + STEP * s * probe, s)
        divergence = probe * (moved - answer) * s / STEP
        return (answer - y).square() - variance + 2 * divergence
