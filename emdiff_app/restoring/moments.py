"""What is made of posterior samples: their mean, their variance, and how much of it the data left open."""

from dataclasses import dataclass

import torch
from torch import Tensor

from emdiff_app.posterior.pairs import degrees

__all__ = ["Moments", "prior_alone"]


@dataclass
class Moments:
    """Mean and variance of samples that come one after the other, in pairs (`posterior/pairs.py`).

    `M <- M + (x - m)(x - m')`, m and m' the mean before and after x: no sample needs to be kept.
    """

    count: int = 0
    mean: Tensor | float = 0.0
    squares: Tensor | float = 0.0

    def add(self, x: Tensor) -> None:
        self.count += 1
        before = x - self.mean
        self.mean = self.mean + before / self.count
        self.squares = self.squares + before * (x - self.mean)

    @property
    def variance(self) -> Tensor:
        """Unbiased; zero of one sample."""
        return torch.as_tensor(self.squares) / max(2 * degrees(self.count), 1.0)


def prior_alone(variance: Tensor, sigma_data: float) -> Tensor:
    """`Var[x_i | y] / Var[x_i]`, at most 1: the share of a pixel's variance that the data did not determine.

    0 where the data leave one answer, 1 where the pixel is as open as if nothing had been recorded. `Var[x_i]` is that
    of clean images, `sigma_data^2`; for a stationary Gaussian prior the ratio is exact.
    """
    return (variance / sigma_data**2).clamp(0, 1)
