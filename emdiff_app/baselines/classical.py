"""Classical restorations of one plane. Where one has a free setting, the truth chooses it: the best it can do."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.restoration import richardson_lucy

__all__ = ["best_gaussian_blur", "best_richardson_lucy", "wiener"]

Image = NDArray[Any]


def best_gaussian_blur(recorded: Image, truth: Image) -> tuple[Image, str]:
    """The Gaussian blur whose width suits the truth best."""
    sigmas = (0.0, 0.4, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5, 3.0)
    return _best(((ndimage.gaussian_filter(recorded, s), f"sigma {s}") for s in sigmas), truth)


def best_richardson_lucy(recorded: Image, truth: Image, psf: Image, offset: float) -> tuple[Image, str]:
    """Richardson-Lucy, stopped where the truth says that it is best."""
    light = np.maximum(recorded - offset, 1e-6)
    top = light.max()
    counts = (2, 4, 6, 8, 12, 16, 24, 32, 48)
    tries = (
        (richardson_lucy(light / top, psf, num_iter=n, clip=False) * top + offset, f"{n} iterations")
        for n in counts
    )
    return _best(tries, truth)


def wiener(recorded: Image, psf: Image, spectrum: Image, noise_variance: float) -> Image:
    """`X = H* S / (|H|^2 S + N) Y`: the best linear filter when the power spectrum `S` is known."""
    mean = recorded.mean()
    kernel = np.zeros(recorded.shape)
    kernel[: psf.shape[0], : psf.shape[1]] = psf
    kernel = np.roll(kernel, [-(n // 2) for n in psf.shape], (0, 1))
    transfer = np.fft.fft2(kernel)
    gain = transfer.conj() * spectrum / (np.abs(transfer) ** 2 * spectrum + noise_variance)
    return np.fft.ifft2(gain * np.fft.fft2(recorded - mean)).real + mean


def _best(tries: Iterable[tuple[Image, str]], truth: Image) -> tuple[Image, str]:
    return min(tries, key=lambda made: float(np.mean((made[0] - truth) ** 2)))
