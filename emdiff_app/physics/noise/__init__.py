"""Noise: its words and its maths, likelihood, Anscombe's transform, and thinning one image into two."""

from .binding import bind_noise
from .parameters import NoiseParameters
from .specs import GaussianNoise, NoiseSpec, PoissonGaussianNoise

__all__ = ["GaussianNoise", "NoiseParameters", "NoiseSpec", "PoissonGaussianNoise", "bind_noise"]
