"""Wavelet shrinkage (BayesShrink, Chang et al. 2000), by scikit-image, averaged over shifts of the image."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .extra import library
from .recorded import Recorded
from .registry import Parameter, register
from .stabilised import denoise_stabilised

__all__ = ["wavelet"]


@register(
    "wavelet",
    "Shrinks wavelet coefficients that are no larger than the noise.",
    needs=("noise",),
    shifts=Parameter(3, "How many shifts along each axis are averaged."),
)
def wavelet(recorded: Recorded, *, shifts: int) -> Tensor:
    """Each coefficient w becomes `sign(w) max(|w| - sigma^2 / sigma_w, 0)`, with sigma_w its band's own spread."""
    library("pywt", "wavelet")
    from skimage.restoration import cycle_spin, denoise_wavelet

    def denoise(y: NDArray[Any]) -> NDArray[Any]:
        words = {"sigma": 1.0, "method": "BayesShrink", "wavelet": "sym4", "rescale_sigma": False}
        spun = cycle_spin(y, func=denoise_wavelet, max_shifts=shifts - 1, func_kw=words, workers=1)
        return np.asarray(spun)

    return denoise_stabilised(recorded, denoise)
