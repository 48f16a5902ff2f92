"""What the user's own images tell about the camera: its noise and its bad pixels."""

from .bad_pixels import BadPixels, find_bad_pixels
from .noise import NoiseEstimate, estimate_noise

__all__ = ["BadPixels", "NoiseEstimate", "estimate_noise", "find_bad_pixels"]
