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
    from .anscombe import Anscombe
    from .bad_pixels import BadPixels, find_bad_pixels
    from .estimate import NoiseEstimate, estimate_noise
    from .imaging import Imaging
    from .psf import psf_array
    from .simulating import simulate_stack
    from .thinning import Halves, thin, thinned_noise

# Found on first use: these need torch or scipy's statistics, which take a second to import.
_HOME = {
    "Anscombe": "anscombe",
    "BadPixels": "bad_pixels",
    "Halves": "thinning",
    "NoiseEstimate": "estimate",
    "estimate_noise": "estimate",
    "find_bad_pixels": "bad_pixels",
    "thin": "thinning",
    "thinned_noise": "thinning",
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
    "psf_array",
    "simulate_stack",
    "thin",
    "thinned_noise",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
