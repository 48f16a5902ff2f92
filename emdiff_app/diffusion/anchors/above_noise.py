"""Noise levels above that of the recorded images, learned from these alone (Ambient-Tweedie).

With `y = x + sigma_y n`, `x_t = y + sqrt(s^2 - sigma_y^2) n'` and `r = sigma_y^2 / s^2` Tweedie's formula says
`E[y | x_t] = (1 - r) E[x | x_t] + r x_t`; so the best D for `||(1 - r) D(x_t, s) + r x_t - y||^2` is
`E[x | x_t]`, at every `s > sigma_y`. All of it per pixel where the noise is a map.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..batch import Batch
from ..prior import LARGEST, Prior
from .term import levels, normal

__all__ = ["NoiseAbove", "loss_above"]


@dataclass(frozen=True)
class NoiseAbove:
    """For white noise of known size. Pixels that were not observed have the largest noise level."""

    def loss(self, prior: Prior, batch: Batch, generator: torch.Generator) -> Tensor:
        return loss_above(prior, batch, batch.seen, generator)


def loss_above(prior: Prior, batch: Batch, shown: Tensor, generator: torch.Generator) -> Tensor:
    """The loss of all observed pixels, where only `shown` ones are given to the denoiser.

    At a pixel that is not shown the state holds nothing (the mean, at the largest level) and y is
    independent of it, so r = 0. Every pixel is weighed by the inverse of what
    `((1 - r) D + r x_t - y)^2` would be for a Gaussian pixel: `(1 - r)^2 v + r t^2`, `t^2 = s^2 - sigma_y^2`.
    """
    y, seen, sd = batch.recorded_images, batch.seen, prior.sigma_data
    centre, largest = prior.centre(y), torch.as_tensor(LARGEST * sd, dtype=y.dtype, device=y.device)
    y = torch.where(seen, y, centre)
    variance = batch.variance()
    added = levels(prior, y, generator)
    state = torch.where(shown, y + added * normal(y, generator), centre)
    s = torch.where(shown, (variance + added.square()).sqrt(), largest)
    r = torch.where(shown, variance / s.square(), 0.0)
    guess = (1 - r) * prior.denoise(state, s) + r * state
    v = s.square() * sd**2 / (s.square() + sd**2)
    spread = torch.where(shown, (1 - r).square() * v + r * added.square(), v + variance)
    error = torch.where(seen, (guess - y).square() / spread, 0.0)
    return error.sum() / seen.sum().clamp_min(1)
