"""How images get corrupted: operators, PSFs, noise, the imaging model `y = A x + n`, and estimating it from data."""

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
    from .imaging import Imaging

# Found on first use: these need torch, which takes a second to import.
_HOME = {"Imaging": "imaging"}

__all__ = [
    "BlurSpec",
    "BoxPsf",
    "DiscPsf",
    "DownsampleSpec",
    "GaussianNoise",
    "GaussianPsf",
    "IdentitySpec",
    "ImagePsf",
    "Imaging",
    "ImagingModel",
    "MaskSpec",
    "MicroscopePsf",
    "MotionBlurSpec",
    "NoiseParameters",
    "NoiseSpec",
    "OperatorSpec",
    "PoissonGaussianNoise",
    "PsfSpec",
    "bind_noise",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
