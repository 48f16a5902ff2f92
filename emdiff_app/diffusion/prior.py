"""A prior as the samplers see it: `x0 = D(x_t, sigma)`, the mean of all clean images that could be under x_t.

Variance-exploding convention, `x_t = x + sigma n`. It is an azula `Denoiser`, so that azula's integrators
and guidance methods run on it; our own samplers call `denoise` with the noise level itself.
"""

import abc
from contextlib import AbstractContextManager, nullcontext

import torch
from azula.denoise import Denoiser, DiracPosterior
from azula.noise import Schedule
from torch import Tensor

__all__ = ["LARGEST", "SMALLEST", "LogSchedule", "Prior", "as_map"]

SMALLEST, LARGEST = 2e-3, 50.0
"""The noise levels that matter, in units of the images' standard deviation."""


class LogSchedule(Schedule):
    """`alpha_t = 1`, `sigma_t = smallest (largest / smallest)^t`."""

    def __init__(self, smallest: float = SMALLEST, largest: float = LARGEST) -> None:
        self.smallest, self.largest = smallest, largest

    def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return torch.ones_like(t), self.smallest * (self.largest / self.smallest) ** t


class Prior(Denoiser, abc.ABC):
    """The learned image model, in the units of its intensity scale."""

    channels: int
    sigma_data: float
    takes_maps: bool = False
    """Whether it has learned noise of uneven strength, so that a camera's noise map may be told to it."""

    def __init__(self, channels: int, sigma_data: float) -> None:
        super().__init__()
        self.channels = channels
        self.sigma_data = float(sigma_data)
        self.schedule = LogSchedule(SMALLEST * self.sigma_data, LARGEST * self.sigma_data)

    @abc.abstractmethod
    def denoise(self, x_t: Tensor, sigma: Tensor | float) -> Tensor:
        """`E[x | x_t]` for `x_t = x + sigma n`, `(B, C, *spatial)`.

        `sigma` is a number, one number for each image, or a map over the pixels.
        """

    @abc.abstractmethod
    def centre(self, like: Tensor) -> Tensor:
        """The mean of all images, in a shape that broadcasts against `like`."""

    def denoise_with_variance(self, x_t: Tensor, sigma: Tensor | float) -> tuple[Tensor, Tensor]:
        """`E[x | x_t]` and `Var[x | x_t]`, pixel by pixel, where the prior knows the second."""
        raise ValueError("this prior was built without a head for the variance")

    def weight(self, sigma: Tensor) -> Tensor:
        """`(s^2+sd^2)/(s sd)^2`: the inverse variance of a Gaussian pixel given its noisy self."""
        return 1 / sigma.square() + 1 / self.sigma_data**2

    def in_float32(self) -> AbstractContextManager[None]:
        """In this context nothing is computed in half precision."""
        return nullcontext()

    def forward(self, x_t: Tensor, t: Tensor, **kwargs: object) -> DiracPosterior:
        _, sigma = self.schedule(t)
        return DiracPosterior(mean=self.denoise(x_t, sigma))


def as_map(sigma: Tensor | float, like: Tensor) -> Tensor:
    """`sigma` with the number of axes of `like`, so that it broadcasts."""
    sigma = torch.as_tensor(sigma, dtype=like.dtype, device=like.device)
    return sigma.reshape(*sigma.shape, *[1] * (like.ndim - sigma.ndim)) if sigma.ndim < 2 else sigma
