"""The spectrum of the recorded image beside the one that the prior and the imaging model promise.

`P(f) = g exp(-4 pi^2 s f^2) S_A(f) + v N`: S_A is the mean power of the prior's own images seen through the
operator, N the power of the noise that the model says. What an image of the right kind, recorded as the model says,
has is g near 1, s near 0 and v near 1. A wider PSF than the model's is s > 0, a narrower one s < 0, and v is by how
much the variance of the noise is off. The three are fitted to ln P; how far they scatter by chance is measured by
fitting recordings of the prior's own images in the same way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import least_squares
from torch import Tensor

from .records import Blur

__all__ = ["Promised", "radial_power"]

MOST_BINS = 20
HIGHEST = 0.5
"""Cycles a pixel: corners of the Fourier plane are left out, where few cameras record anything."""
LOOSE = (3.0, 12.0, 2.0)
"""Weak expectations of ln g, of ln of the change at half the highest frequency, and of ln v: a fit of an image
without structure, or without visible noise, must not run away."""
RESAMPLED = 24
BEND = 0.25
"""Cycles a pixel, where the fitted change of sharpness is counted."""
TINY = 1e-30


def radial_power(images: Tensor) -> NDArray[np.float64]:
    """The power of each plane `(N, bins)` of images (..., Y, X), under a Hann window, without its mean."""
    planes = images.reshape(-1, *images.shape[-2:]).cpu().double()
    rows, columns = planes.shape[-2:]
    window = torch.outer(
        torch.hann_window(rows, periodic=False, dtype=torch.float64),
        torch.hann_window(columns, periodic=False, dtype=torch.float64),
    )
    window = window / window.square().mean().sqrt()
    mean = (planes * window).mean((1, 2), keepdim=True) / window.mean()
    power = torch.fft.fft2(window * (planes - mean)).abs().square() / (rows * columns)
    bins, kept = _bins(rows, columns)
    counts = torch.bincount(bins)
    sums = torch.zeros(len(planes), len(counts), dtype=torch.float64).index_add_(1, bins, power[:, kept])
    return np.asarray((sums / counts).numpy())


@dataclass(frozen=True, eq=False)
class Promised:
    """The recordings of the prior's own images, as spectra: noise-free (N, bins), recorded, and their noise (N,)."""

    signal: NDArray[np.float64]
    recorded: NDArray[np.float64]
    noise: NDArray[np.float64]
    shape: tuple[int, int]
    direction: float
    """The recordings' detail along rows over that along columns, as ln."""

    def compare(self, power: NDArray[np.float64], noise: float) -> Blur:
        """Fit the mean of some spectra (n, bins) of planes with this mean noise variance."""
        g, s, v = self._fit(power.mean(0), noise, self.signal.mean(0))
        scatter = self._scatter(len(power))
        return Blur(
            contrast=g,
            widening=s,
            noise=v,
            widening_scatter=float(scatter[1]),
            noise_scatter=float(scatter[2]),
        )

    def _scatter(self, count: int) -> NDArray[np.float64]:
        """The root mean squares of g - 1, s and v - 1 over sets of `count` of the prior's own images.

        Each time one half of them is recorded and the other half makes the promise.
        """
        rng = np.random.default_rng(0)
        fits = []
        for _ in range(RESAMPLED):
            order = rng.permutation(len(self.recorded))
            half = len(order) // 2
            chosen, others = rng.choice(order[:half], count), order[half:]
            power, noise = self.recorded[chosen].mean(0), float(self.noise[chosen].mean())
            fits.append(self._fit(power, noise, self.signal[others].mean(0)))
        return np.asarray(np.sqrt(np.mean((np.asarray(fits) - (1, 0, 1)) ** 2, axis=0)))

    def _fit(
        self, power: NDArray[np.float64], noise: float, promised: NDArray[np.float64]
    ) -> tuple[float, float, float]:
        weight, bend = self._weights, (self._frequencies / BEND) ** 2
        signal, observed = np.maximum(promised, TINY), np.log(np.maximum(power, TINY))

        def off(p: NDArray[np.float64]) -> NDArray[np.float64]:
            expected = np.exp(p[0] - p[1] * bend) * signal + np.exp(p[2]) * noise
            return np.concatenate([weight * (observed - np.log(expected + TINY)), p / LOOSE])

        p = np.clip(least_squares(off, np.zeros(3), method="lm").x, -20, 20)
        return float(np.exp(p[0])), float(p[1] / (2 * math.pi * BEND) ** 2), float(np.exp(p[2]))

    @cached_property
    def _frequencies(self) -> NDArray[np.float64]:
        rows, columns = self.shape
        bins, kept = _bins(rows, columns)
        return np.asarray((torch.bincount(bins, _radius(rows, columns)[kept]) / torch.bincount(bins)).numpy())

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        """The square root of how many frequencies are in a bin, bounded: images differ by more than chance."""
        bins, _ = _bins(*self.shape)
        counts = torch.bincount(bins).double().numpy()
        return np.asarray(np.sqrt(np.minimum(counts / 2, 40.0)))


def _radius(rows: int, columns: int) -> Tensor:
    f, g = (torch.fft.fftfreq(n, dtype=torch.float64) for n in (rows, columns))
    return (f[:, None].square() + g.square()).sqrt()


def _bins(rows: int, columns: int) -> tuple[Tensor, Tensor]:
    """The bin of each frequency that counts, and which those are; the lowest frequencies, hidden by the window, go."""
    radius = _radius(rows, columns)
    lowest = 1.5 / min(rows, columns)
    kept = (radius >= lowest) & (radius <= HIGHEST)
    count = max(4, min(MOST_BINS, min(rows, columns) // 4))
    bins = ((radius[kept] - lowest) / (HIGHEST - lowest) * count).long().clamp(0, count - 1)
    return bins, kept
