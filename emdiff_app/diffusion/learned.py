"""The learned prior: a network inside EDM preconditioning.

`D(x_t, s) = c_skip x_t + c_out F(c_in x_t, ln(s/sd)/4)` with `sd` the standard deviation of the clean images,
`c_skip = sd^2/(s^2+sd^2)`, `c_out = s sd/sqrt(s^2+sd^2)`, `c_in = 1/sqrt(s^2+sd^2)`. All of it per pixel
where the noise level is a map. Images are centred by the mean of the data first.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from .network import SIZES, Architecture, UNet
from .prior import Prior, as_map

__all__ = ["LearnedPrior"]

WILDEST = 8.0
"""The variance head may be off from the Gaussian guess by this many powers of e, so that it stays finite."""


class LearnedPrior(Prior):
    """A denoiser that was trained; `size` is one of tiny, small, standard, large.

    With `neighbours` n it looks at n slices above and below as well: a volume `(B, C, Z, Y, X)` comes back
    whole, and a window of slices `(B, (2n+1) C, Y, X)`, lowest slice first, comes back as its middle slice.
    With `variance` a second head predicts how far off each pixel of the answer is.
    `bfloat16` computes the network (nothing else) in half precision, from then on.
    """

    def __init__(
        self,
        size: str,
        channels: int,
        sigma_data: float,
        mean: float = 0.0,
        *,
        neighbours: int = 0,
        variance: bool = False,
        architecture: Architecture | None = None,
    ) -> None:
        super().__init__(channels, sigma_data)
        self.size = size
        self.mean = float(mean)
        self.neighbours, self.variance = neighbours, variance
        self.architecture = architecture or SIZES[size]
        self.bfloat16 = False
        inputs, outputs = channels * (2 * neighbours + 1), channels * (2 if variance else 1)
        self.network = UNet(inputs, self.architecture, outputs)

    @property
    def arguments(self) -> dict[str, Any]:
        """All that decides which network this is, besides its weights: keyword arguments of `build`."""
        return {
            "channels": self.channels,
            "widths": self.architecture.widths,
            "down": self.architecture.down,
            "up": self.architecture.up,
            "neighbours": self.neighbours,
            "variance": self.variance,
        }

    @classmethod
    def build(
        cls, size: str, sigma_data: float, mean: float, *, channels: int, **arguments: Any
    ) -> "LearnedPrior":
        """The prior with the network that `arguments` describe, untrained."""
        shape = Architecture(*(tuple(arguments.pop(name)) for name in ("widths", "down", "up")))
        return cls(size, channels, sigma_data, mean, architecture=shape, **arguments)

    @property
    def reach(self) -> int:
        """How many pixels away a pixel can still matter; see `UNet.reach`."""
        return self.network.reach

    @property
    def stride(self) -> int:
        """A tile gives what the whole image gives if it starts at a multiple of this."""
        return self.network.stride

    def denoise(self, x_t: Tensor, sigma: Tensor | float) -> Tensor:
        return self._answer(x_t, sigma)[0]

    def denoise_with_variance(self, x_t: Tensor, sigma: Tensor | float) -> tuple[Tensor, Tensor]:
        mean, variance = self._answer(x_t, sigma)
        return super().denoise_with_variance(x_t, sigma) if variance is None else (mean, variance)

    def centre(self, like: Tensor) -> Tensor:
        return like.new_full((), self.mean)

    @contextmanager
    def in_float32(self) -> Iterator[None]:
        half, self.bfloat16 = self.bfloat16, False
        try:
            yield
        finally:
            self.bfloat16 = half

    def loss(self, x: Tensor, sigma: Tensor, noise: Tensor) -> Tensor:
        """`(s^2+sd^2)/(s sd)^2 ||D(x + s n, s) - x||^2`: every level weighs the same at the start."""
        s = as_map(sigma, x)
        mean, variance = self._answer(x + s * noise, s)
        weight, error = self.weight(self.middle(s)), (mean - self.middle(x)).square()
        loss = (weight * error).mean()
        if variance is None:
            return loss
        # The second head learns how large the error is, and never moves the answer.
        return loss + ((error.detach() / variance + (variance * weight).log()) / 2).mean()

    def middle(self, window: Tensor) -> Tensor:
        """The middle slice of a window of slices; anything else as it is."""
        n, channels = self.neighbours, self.channels
        if not n or window.ndim != 4 or window.shape[1] != channels * (2 * n + 1):
            return window
        return window[:, n * channels : (n + 1) * channels]

    def _answer(self, x_t: Tensor, sigma: Tensor | float) -> tuple[Tensor, Tensor | None]:
        s = as_map(sigma, x_t)
        if x_t.ndim != 5:
            return self._denoised(x_t, s)
        depth = x_t.shape[2]
        s = self._sliced(s.expand(len(x_t), self.channels, depth, -1, -1))
        mean, variance = self._denoised(self._sliced(x_t), s)
        return _stacked(mean, depth), None if variance is None else _stacked(variance, depth)

    def _denoised(self, x_t: Tensor, s: Tensor) -> tuple[Tensor, Tensor | None]:
        """A window of slices to its middle one; `s` broadcasts against the window or against one slice."""
        sd = self.sigma_data
        slices = 2 * self.neighbours + 1
        if x_t.shape[1] != slices * self.channels:
            raise ValueError(f"{x_t.shape[1]} channels, and the prior wants {slices} x {self.channels}")
        if s.shape[1] == self.channels > 1 and slices > 1:
            s = s.repeat(1, slices, 1, 1)  # the same map for all slices
        centred = x_t - self.mean
        scaled = centred * (s.square() + sd**2).rsqrt()
        centred, s = self.middle(centred), self.middle(s)
        total = s.square() + sd**2
        level = (s / sd).log().mean(1, keepdim=True) / 4
        with torch.autocast(x_t.device.type, torch.bfloat16, enabled=self.bfloat16):
            answer = self.network(scaled, level.expand(len(x_t), -1, -1, -1)).to(x_t.dtype)
        mean = self.mean + centred * (sd**2 / total) + answer[:, : self.channels] * (s * sd * total.rsqrt())
        if not self.variance:
            return mean, None
        size = WILDEST * torch.tanh(answer[:, self.channels :] / WILDEST)
        return mean, (s * sd).square() / total * size.exp()

    def _sliced(self, volume: Tensor) -> Tensor:
        """`(B, C, Z, Y, X)` to a window for every slice; the outermost slices are repeated outwards."""
        n, depth = self.neighbours, volume.shape[2]
        places = torch.arange(depth, device=volume.device)
        near = torch.stack([(places + k).clamp(0, depth - 1) for k in range(-n, n + 1)], 1)
        return volume[:, :, near].permute(0, 2, 3, 1, 4, 5).flatten(0, 1).flatten(1, 2)


def _stacked(slices: Tensor, depth: int) -> Tensor:
    """`(B Z, C, Y, X)` to `(B, C, Z, Y, X)`."""
    return slices.reshape(-1, depth, *slices.shape[1:]).transpose(1, 2)
