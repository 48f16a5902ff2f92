"""What users would use instead, and the classical methods that we compare with: `restore_with(name, plane, model)`.

Each method is a file that puts itself into the registry. The published ways to learn a prior are in `learners`.
"""

from . import (
    biharmonic,
    bm3d,
    gaussian_blur,
    noise2self,
    non_local_means,
    richardson_lucy,
    total_variation,
    wavelet,
    wiener,
)
from .recorded import Recorded
from .registry import Method, Parameter, method, method_names
from .restoring import Best, best_of, best_on_truth, prepared, restore_images, restore_with
from .stacks import is_restored, restored_stack, save_restored
from .wiener import gaussian_mean, spectrum_prior

__all__ = [
    "Best",
    "Method",
    "Parameter",
    "Recorded",
    "best_of",
    "best_on_truth",
    "biharmonic",
    "bm3d",
    "gaussian_blur",
    "gaussian_mean",
    "is_restored",
    "method",
    "method_names",
    "noise2self",
    "non_local_means",
    "prepared",
    "restore_images",
    "restore_with",
    "restored_stack",
    "richardson_lucy",
    "save_restored",
    "spectrum_prior",
    "total_variation",
    "wavelet",
    "wiener",
]
