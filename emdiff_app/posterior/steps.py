"""What samplers share: the noise levels that they visit and the step from one to the next."""

import torch
from torch import Tensor

__all__ = ["ancestral", "levels"]


def levels(largest: float, smallest: float, steps: int, bend: float = 7.0) -> list[float]:
    """`steps` noise levels from `largest` down to `smallest`, denser where they are small."""
    a, b = largest ** (1 / bend), smallest ** (1 / bend)
    return [(a + (b - a) * i / max(steps - 1, 1)) ** bend for i in range(steps)]


def ancestral(x_t: Tensor, x0: Tensor, s: float, lower: float, generator: torch.Generator) -> Tensor:
    """From level `s` to `lower` given the clean estimate: `x0 + k (x_t - x0) + sqrt(k (s^2 - l^2)) n`.

    With `k = l^2 / s^2`; this is the exact conditional `p(x_l | x_s, x0)`.
    """
    k = (lower / s) ** 2
    noise = torch.randn(x_t.shape, generator=generator).to(x_t)
    return x0 + k * (x_t - x0) + (k * (s**2 - lower**2)) ** 0.5 * noise
