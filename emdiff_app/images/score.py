"""How close an image comes to the truth: PSNR, SSIM, NRMSE."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app.errors import StackError

__all__ = ["fit_affine", "nrmse", "psnr", "span", "ssim"]

SMALLEST = 11
"""SSIM compares windows of 11x11 pixels."""


def span(truth: NDArray[Any]) -> float:
    """`max - min`: the data range of the truth."""
    return float(np.max(truth)) - float(np.min(truth))


def psnr(result: NDArray[Any], truth: NDArray[Any], *, data_range: float | None = None) -> float:
    """`20 log10(range / RMSE)` in dB; infinite for identical images."""
    a, b, reach = _checked(result, truth, data_range)
    error = float(np.mean((a - b) ** 2))
    return 10 * math.log10(reach**2 / error) if error else math.inf


def ssim(result: NDArray[Any], truth: NDArray[Any], *, data_range: float | None = None) -> float:
    """Structural similarity as Wang et al. (2004) define it.

    Gaussian windows of sigma 1.5, population covariances, `K1 = 0.01`, `K2 = 0.03`; in scikit-image's words
    `gaussian_weights=True, sigma=1.5, use_sample_covariance=False`. A third axis is colour.
    """
    from skimage.metrics import structural_similarity

    a, b, reach = _checked(result, truth, data_range)
    if min(a.shape[:2]) < SMALLEST:
        raise StackError(
            f"SSIM needs images of at least {SMALLEST}x{SMALLEST} pixels, and these are {_size(a)}; score larger ones."
        )
    return float(
        structural_similarity(
            a,
            b,
            data_range=reach,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=-1 if a.ndim == 3 else None,
        )
    )


def nrmse(result: NDArray[Any], truth: NDArray[Any]) -> float:
    """`RMSE / RMS(truth)`, scikit-image's `euclidean` normalisation."""
    a, b, _ = _checked(result, truth, 1.0)
    size = float(np.sqrt(np.mean(b**2)))
    error = float(np.sqrt(np.mean((a - b) ** 2)))
    return error / size if size else (0.0 if error == 0 else math.inf)


def fit_affine(result: NDArray[Any], truth: NDArray[Any]) -> NDArray[np.float64]:
    """`gain * result + offset` with the gain and offset that bring it closest to the truth (least squares)."""
    a, b, _ = _checked(result, truth, 1.0)
    around = a - a.mean()
    spread = float(np.mean(around**2))
    gain = float(np.mean(around * (b - b.mean()))) / spread if spread else 0.0
    return np.asarray(gain * around + b.mean())


def _checked(
    result: NDArray[Any], truth: NDArray[Any], data_range: float | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Both in float64, and the data range; refused where a score would mean nothing."""
    a, b = np.asarray(result, np.float64), np.asarray(truth, np.float64)
    if a.shape != b.shape:
        raise StackError(
            f"The images differ in size ({_size(a)} and {_size(b)} pixels), so they cannot be compared; "
            "choose the truth of the same field, at the same magnification."
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        which = "truth" if np.isfinite(a).all() else "result"
        raise StackError(
            f"The {which} has pixels that are not numbers (NaN or infinite), so it has no score; mend it first."
        )
    reach = span(b) if data_range is None else float(data_range)
    if not (math.isfinite(reach) and reach > 0):
        raise StackError(
            "The truth is constant, so its range is zero and scores mean nothing; give the range with --data-range."
            if data_range is None
            else f"The data range must be a number above zero, not {data_range:g}."
        )
    return a, b, reach


def _size(image: NDArray[Any]) -> str:
    return "x".join(map(str, image.shape))
