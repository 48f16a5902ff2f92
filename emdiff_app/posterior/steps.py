"""What samplers share: the noise levels that they visit and the step from one to the next."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from emdiff_app.physics.random import next_generator

__all__ = ["OwnNoise", "ancestral", "levels", "multistep", "renoise"]


class OwnNoise:
    """A stream of random numbers for each image, so that no image depends on its batch.

    A generator that itself has a method `white` knows where in a larger image the batch lies, and is asked. One that
    has a `sign` belongs to the second sample of a pair (`pairs.py`).
    """

    def __init__(self, generator: torch.Generator, count: int) -> None:
        self.placed: Callable[[Tensor], Tensor] | None = getattr(generator, "white", None)
        self.sign: float = getattr(generator, "sign", 1.0)
        self.streams = [] if self.placed else [next_generator(generator) for _ in range(count)]

    def white(self, like: Tensor) -> Tensor:
        """`n ~ N(0, 1)` in the shape of `like`."""
        if self.placed:
            return self.placed(like)
        drawn = [
            torch.randn(like.shape[1:], generator=own, dtype=like.dtype, device=own.device)
            for own in self.streams
        ]
        return self.sign * torch.stack(drawn).to(like.device)


def levels(largest: float, smallest: float, steps: int, bend: float = 7.0) -> list[float]:
    """`steps` noise levels from `largest` down to `smallest`, denser where they are small."""
    a, b = largest ** (1 / bend), smallest ** (1 / bend)
    return [(a + (b - a) * i / max(steps - 1, 1)) ** bend for i in range(steps)]


def renoise(
    x_t: Tensor,
    x0: Tensor,
    s: float | Tensor,
    lower: float | Tensor,
    kept: float | Tensor,
    noise: OwnNoise,
) -> Tensor:
    """From level `s` to `lower`: `x0 + l (a (x_t - x0) / s + sqrt(1 - a^2) n)`, with `a = kept`.

    Where `x0 ~ p(x0 | x_t)`, `(x_t - x0) / s` is white noise, so any `a` gives the right distribution at
    the lower level: 0 is fresh noise and forgets all errors of the way so far, 1 is deterministic.
    """
    return x0 + lower * (kept * (x_t - x0) / s + (1 - kept**2) ** 0.5 * noise.white(x_t))


def ancestral(x_t: Tensor, x0: Tensor, s: float, lower: float, noise: OwnNoise) -> Tensor:
    """The exact conditional `p(x_l | x_s, x0)`: `renoise` with `a = l / s`."""
    return renoise(x_t, x0, s, lower, lower / s, noise)


def multistep(estimate: Callable[[Tensor, float, int], Tensor], x: Tensor, visits: list[float]) -> Tensor:
    """DPM++2M: the second-order solution of `dx/ds = (x - x0(x, s)) / s` in `ln s`, one estimate a level.

    `x_l = (l/s) x_s + (1 - l/s) (x0 + (x0 - x0') h / (2 h'))` with x0' the estimate one level before and h,
    h' the two steps in `ln s`. The last `estimate(x, s, number)` is returned.
    """
    before: Tensor | None = None
    for i, s in enumerate(visits):
        x0 = estimate(x, s, i)
        if i + 1 == len(visits):
            break
        lower, ahead = visits[i + 1], x0
        if before is not None:
            ratio = math.log(s / lower) / math.log(visits[i - 1] / s)
            ahead = x0 + (x0 - before) * (ratio / 2)
        x = lower / s * x + (1 - lower / s) * ahead
        before = x0
    return x0
