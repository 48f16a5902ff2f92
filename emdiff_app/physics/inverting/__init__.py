"""The image between the data and a guess: closed forms where they exist, conjugate gradients elsewhere."""

from .gaussian import per_image, solve_gaussian

__all__ = ["per_image", "solve_gaussian"]
