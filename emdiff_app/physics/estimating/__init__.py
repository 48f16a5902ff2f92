"""What the user's own images tell about the camera: its noise and its bad pixels."""

from .bad_pixels import BadPixels, find_bad_pixels
from .by_plane import noise_by_plane
from .noise import NoiseEstimate, estimate_noise

__all__ = ["BadPixels", "NoiseEstimate", "estimate_noise", "find_bad_pixels", "noise_by_plane"]
