"""The learned prior: a network inside EDM preconditioning.

`D(x_t, s) = c_skip x_t + c_out F(c_in x_t, ln(s)/4)` with `sd` the standard deviation of the clean images,
`c_skip = sd^2/(s^2+sd^2)`, `c_out = s sd/sqrt(s^2+sd^2)`, `c_in = 1/sqrt(s^2+sd^2)`. All of it per pixel
where the noise level is a map. Images are centred by the mean of the data first.
"""

import torch
from torch import Tensor, nn

from .network import SIZES, Architecture, UNet
from .prior import Prior, as_map

__all__ = ["LearnedPrior"]


class LearnedPrior(Prior):
    """A denoiser that was trained; `size` is one of tiny, small, standard, large."""

    def __init__(self, size: str, channels: int, sigma_data: float, mean: float = 0.0) -> None:
        super().__init__(channels, sigma_data)
        self.size = size
        self.mean = float(mean)
        self.network: nn.Module = UNet(channels, SIZES[size])

    @property
    def architecture(self) -> Architecture:
        return SIZES[self.size]

    def denoise(self, x_t: Tensor, sigma: Tensor | float) -> Tensor:
        s, sd = as_map(sigma, x_t), self.sigma_data
        total = s.square() + sd**2
        centred = x_t - self.mean
        level = (s / sd).log() / 4
        level = level[:, :1].expand(x_t.shape[0], 1, *level.shape[2:]) if level.ndim else level
        answer = self.network(centred * total.rsqrt(), level.reshape(-1, 1, *_sides(level)))
        return self.mean + centred * (sd**2 / total) + answer * (s * sd * total.rsqrt())

    def loss(self, x: Tensor, sigma: Tensor, noise: Tensor) -> Tensor:
        """`(s^2+sd^2)/(s sd)^2 ||D(x + s n, s) - x||^2`: every level weighs the same at the start."""
        s, sd = as_map(sigma, x), self.sigma_data
        weight = (s.square() + sd**2) / (s * sd).square()
        return (weight * (self.denoise(x + s * noise, s) - x).square()).mean()


def _sides(level: Tensor) -> tuple[int, int]:
    return (level.shape[-2], level.shape[-1]) if level.ndim >= 2 else (1, 1)


def draw_levels(count: int, sigma_data: float, generator: torch.Generator, like: Tensor) -> Tensor:
    """Noise levels to train on: `ln(s / sd)` normal, wide enough for every level that samplers visit."""
    n = torch.randn(count, generator=generator, device=generator.device).to(like)
    return sigma_data * (n * 1.4 - 0.6).exp()
