"""How images get corrupted: operators, PSFs, noise, the imaging model `y = A x + n`, and estimates of it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .model import ImagingModel
from .noise import GaussianNoise, NoiseParameters, NoiseSpec, PoissonGaussianNoise, bind_noise
from .operators.specs import (
    BlurSpec,
    DownsampleSpec,
    IdentitySpec,
    MaskSpec,
    MotionBlurSpec,
    OperatorSpec,
)
from .psf.specs import BoxPsf, DiscPsf, GaussianPsf, ImagePsf, MicroscopePsf, PsfSpec

if TYPE_CHECKING:
    from .estimating import BadPixels, NoiseEstimate, estimate_noise, find_bad_pixels, noise_by_plane
    from .imaging import Imaging
    from .noise.anscombe import Anscombe
    from .noise.thinning import Halves, thin, thinned_noise
    from .psf import psf_array
    from .simulating import simulate_stack

# Found on first use: these need torch or scipy's statistics, which take a second to import.
_HOME = {
    "Anscombe": "noise.anscombe",
    "BadPixels": "estimating",
    "Halves": "noise.thinning",
    "NoiseEstimate": "estimating",
    "estimate_noise": "estimating",
    "find_bad_pixels": "estimating",
    "noise_by_plane": "estimating",
    "thin": "noise.thinning",
    "thinned_noise": "noise.thinning",
    "Imaging": "imaging",
    "psf_array": "psf",
    "simulate_stack": "simulating",
}

__all__ = [
    "Anscombe",
    "BadPixels",
    "BlurSpec",
    "BoxPsf",
    "DiscPsf",
    "DownsampleSpec",
    "GaussianNoise",
    "GaussianPsf",
    "Halves",
    "IdentitySpec",
    "ImagePsf",
    "Imaging",
    "ImagingModel",
    "MaskSpec",
    "MicroscopePsf",
    "MotionBlurSpec",
    "NoiseEstimate",
    "NoiseParameters",
    "NoiseSpec",
    "OperatorSpec",
    "PoissonGaussianNoise",
    "PsfSpec",
    "bind_noise",
    "estimate_noise",
    "find_bad_pixels",
    "noise_by_plane",
    "psf_array",
    "simulate_stack",
    "thin",
    "thinned_noise",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
