"""Samples of the prior itself, given nothing: what it takes for clean images."""

from collections.abc import Callable

from torch import Tensor

from emdiff_app.diffusion import Prior

from .steps import OwnNoise, levels, multistep

__all__ = ["dream"]

LARGEST = 20.0
"""In standard deviations of clean images, like the smallest level: there nothing of an image is left."""


def dream(
    prior: Prior,
    like: Tensor,
    noise: OwnNoise,
    *,
    smallest: float,
    steps: int,
    on_step: Callable[[], None] = lambda: None,
) -> Tensor:
    """One in each place of `like`. `on_step` may raise to stop; where a network breaks down, pixels are not finite."""
    visits = levels(LARGEST * prior.sigma_data, smallest * prior.sigma_data, steps)

    def estimate(x_t: Tensor, s: float, _: int) -> Tensor:
        on_step()
        return prior.denoise(x_t, s)

    return multistep(estimate, prior.centre(like) + visits[0] * noise.white(like), visits)
