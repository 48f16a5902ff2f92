"""The width of a PSF."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["fwhm", "profile_fwhm"]


def profile_fwhm(profile: NDArray[Any]) -> float:
    """The full width at half maximum of one peak, by linear interpolation; infinite where it never falls."""
    values = np.asarray(profile, float)
    peak = int(values.argmax())
    half = values[peak] / 2

    def reach(side: NDArray[Any]) -> float:
        below = np.flatnonzero(side < half)
        if not below.size:
            return float("inf")
        i = int(below[0])
        return i - 1 + float((side[i - 1] - half) / (side[i - 1] - side[i]))

    return reach(values[peak:]) + reach(values[peak::-1])


def fwhm(psf: NDArray[Any], axis: int) -> float:
    """The width in pixels along one axis through the brightest pixel."""
    peak = list(np.unravel_index(int(np.argmax(psf)), psf.shape))
    index: tuple[Any, ...] = tuple(slice(None) if a == axis % psf.ndim else p for a, p in enumerate(peak))
    return profile_fwhm(psf[index])
