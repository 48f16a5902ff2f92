"""What samplers share: the noise levels that they visit and the step from one to the next."""

import torch
from torch import Tensor

__all__ = ["OwnNoise", "ancestral", "levels"]


class OwnNoise:
    """A stream of random numbers for each image, so that no image depends on its batch."""

    def __init__(self, generator: torch.Generator, count: int) -> None:
        home = generator.device
        seeds = torch.randint(2**62, (count,), generator=generator, device=home).tolist()
        self.streams = [torch.Generator(home).manual_seed(seed) for seed in seeds]

    def white(self, like: Tensor) -> Tensor:
        """`n ~ N(0, 1)` in the shape of `like`."""
        drawn = [
            torch.randn(like.shape[1:], generator=own, dtype=like.dtype, device=own.device)
            for own in self.streams
        ]
        return torch.stack(drawn).to(like.device)


def levels(largest: float, smallest: float, steps: int, bend: float = 7.0) -> list[float]:
    """`steps` noise levels from `largest` down to `smallest`, denser where they are small."""
    a, b = largest ** (1 / bend), smallest ** (1 / bend)
    return [(a + (b - a) * i / max(steps - 1, 1)) ** bend for i in range(steps)]


def ancestral(x_t: Tensor, x0: Tensor, s: float, lower: float, noise: OwnNoise) -> Tensor:
    """From level `s` to `lower` given the clean estimate: `x0 + k (x_t - x0) + sqrt(k (s^2 - l^2)) n`.

    With `k = l^2 / s^2`; this is the exact conditional `p(x_l | x_s, x0)`.
    """
    k = (lower / s) ** 2
    return x0 + k * (x_t - x0) + (k * (s**2 - lower**2)) ** 0.5 * noise.white(x_t)
