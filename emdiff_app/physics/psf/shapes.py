"""PSFs that are a formula: Gaussian, box, disc, motion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["box", "disc", "gaussian", "motion", "outer"]

CUT = 3.5
"""A Gaussian ends at this many standard deviations, where it is 0.2 % of its peak."""


def gaussian(sigmas: Sequence[float], shape: Sequence[int] | None = None) -> NDArray[np.float64]:
    """`h(r) ~ exp(-sum r_a^2 / 2 sigma_a^2)`, sampled at the pixel centres."""
    lines = []
    for axis, sigma in enumerate(sigmas):
        n = shape[axis] if shape else 2 * int(np.ceil(CUT * sigma)) + 1
        r = np.arange(n) - n // 2
        lines.append(np.exp(-0.5 * (r / sigma) ** 2))
    return outer(lines)


def box(widths: Sequence[float]) -> NDArray[np.float64]:
    """A rectangle of these widths in pixels; the border pixels carry the share that it covers."""
    lines = []
    for width in widths:
        reach = int(np.ceil((width - 1) / 2))
        r = np.abs(np.arange(-reach, reach + 1))
        lines.append(np.clip((width + 1) / 2 - r, 0, 1))
    return outer(lines)


def disc(radius: float) -> NDArray[np.float64]:
    """A disc in the plane, each pixel with the share of it that lies inside: 8 x 8 points, fewer in large ones."""
    reach = int(np.ceil(radius - 0.5)) if radius > 0.5 else 0
    n = 2 * reach + 1
    fine = int(np.clip(2048 // n, 1, 8))
    r = (np.arange(n * fine) + 0.5) / fine - n / 2
    inside = (r[:, None] ** 2 + r[None, :] ** 2 <= radius**2).astype(float)
    psf = inside.reshape(n, fine, n, fine).mean((1, 3))
    return psf / psf.sum()


def motion(path: NDArray[np.float64], step: float = 0.05) -> NDArray[np.float64]:
    """The time spent in each pixel along a path of points (y, x), at an even speed.

    The path is walked in steps of `step` pixels; each step is shared among the four pixels around it. The
    middle of the exposure lies on the central pixel, so that blurring does not move the image.
    """
    lengths = np.hypot(*np.diff(path, axis=0).T)
    travelled = np.concatenate([[0.0], np.cumsum(lengths)])
    moments = np.linspace(0, travelled[-1], max(int(np.ceil(travelled[-1] / step)), 1) + 1)
    points = np.stack([np.interp(moments, travelled, path[:, a]) for a in (0, 1)], 1)
    weights = np.ones(len(points))
    weights[[0, -1]] = 0.5  # the trapezium rule
    points = np.round(points - np.average(points, axis=0, weights=weights), 9)
    reach = np.ceil(np.abs(points).max(0)).astype(int)
    psf = np.zeros(2 * reach + 1)
    low = np.floor(points).astype(int)
    part = points - low
    for dy in (0, 1):
        for dx in (0, 1):
            share = weights * np.abs(1 - dy - part[:, 0]) * np.abs(1 - dx - part[:, 1])
            rows, columns = low[:, 0] + dy + reach[0], low[:, 1] + dx + reach[1]
            held = share > 0
            np.add.at(psf, (rows[held], columns[held]), share[held])
    return psf / psf.sum()


def outer(lines: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The product of one profile for each axis, of sum one."""
    psf = np.ones(())
    for line in lines:
        psf = psf[..., None] * (line / line.sum())
    return psf
