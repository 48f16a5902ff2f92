"""The straight line `variance = slope * level + intercept` through many noisy blocks, some of them textured."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from .blocks import Blocks

__all__ = ["Line", "fit_line", "without_clipping"]

Floats = NDArray[np.float64]
OUTLIER = 0.999
"""Blocks above this quantile of what noise alone would give are left out, and the mean corrected for it."""
FLATTEST = 0.25
"""Where every block of a level is textured, this share of them, the least textured, is used."""
GROUPS = 24
AT_FLOOR, AT_CEILING = 0.05, 0.02
"""Shares of pixels at the ends of the data above which a level counts as clipped."""


@dataclass(frozen=True)
class Line:
    """A fitted line, the covariance of (slope, intercept), and which blocks it rests on."""

    slope: float
    intercept: float
    covariance: Floats
    used: NDArray[np.bool_]

    def at(self, level: Floats | float) -> Floats:
        """The variance at a level, as the line has it."""
        return np.asarray(self.slope * np.asarray(level, dtype=np.float64) + self.intercept)

    def error_at(self, level: float) -> float:
        """The standard error of the variance at a level."""
        if not np.isfinite(self.covariance).all():  # one level only: the slope is not known at all
            return float(np.sqrt(self.covariance[1, 1]))
        x = np.array([level, 1.0])
        return float(np.sqrt(max(x @ self.covariance @ x, 0.0)))


def fit_line(blocks: Blocks, *, flat: bool = False, rounds: int = 12) -> Line:
    """Maximum likelihood for `v_b ~ (slope m_b + intercept) chi2_K / K`, by reweighted least squares.

    Each round drops blocks whose texture, or whose measured variance, is beyond what noise of the current
    line would give, and corrects the measured ones for the tail that was cut. `flat` holds the slope at 0.
    """
    m, v = blocks.level, blocks.variance
    k = blocks.degrees
    cut = chi2.ppf(OUTLIER, k) / k
    shrink = chi2.cdf(cut * k, k + 2) / OUTLIER
    group = _groups(m)
    used = np.ones(len(m), bool)
    slope, intercept = 0.0, float(np.median(v)) / (chi2.median(k) / k)
    covariance = np.eye(2)
    for _ in range(rounds):
        expected = _expected(slope, intercept, m, v)
        calm = _calm(blocks, expected, group)
        used = calm & (v < cut * expected)
        if used.sum() < 8:
            used = calm if calm.sum() >= 8 else np.ones(len(m), bool)
        weight = 1 / expected[used] ** 2
        slope, intercept, covariance = _least_squares(m[used], v[used] / shrink, weight, flat)
        covariance = covariance * 2 / (k * blocks.independent)
    return Line(slope, intercept, covariance, used)


def without_clipping(blocks: Blocks) -> Blocks:
    """Leave out the levels where noise runs into the floor or the ceiling of the data.

    Whole levels, not only the blocks that were hit: keeping the luckier blocks of a clipped level would
    make its noise look smaller. Few pixels at the floor do little harm, and may be true zeros.
    """
    order = np.argsort(blocks.level)
    keep = np.ones(len(blocks), bool)
    for part in np.array_split(order, max(1, min(64, len(order) // 16))):
        if blocks.at_floor[part].mean() > AT_FLOOR or blocks.at_ceiling[part].mean() > AT_CEILING:
            keep[part] = False
    return blocks.where(keep & (blocks.at_ceiling == 0))


def _expected(slope: float, intercept: float, m: Floats, v: Floats) -> Floats:
    return np.maximum(slope * m + intercept, 1e-3 * float(np.mean(v)) + 1e-30)


def _groups(m: Floats) -> NDArray[np.intp]:
    """The level group of each block: equal steps from the darkest to the brightest."""
    low, high = np.percentile(m, [0.5, 99.5])
    return np.digitize(m, np.linspace(low, high, GROUPS + 1)[1:-1])


def _calm(blocks: Blocks, expected: Floats, group: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Blocks without texture beyond noise, and at least the flattest quarter of every level."""
    roughness = blocks.texture / expected
    limit = chi2.ppf(0.99, blocks.texture_degrees) / blocks.texture_degrees
    calm = roughness < limit
    for number in np.unique(group):
        here = group == number
        if calm[here].mean() < FLATTEST:
            calm |= here & (roughness <= np.quantile(roughness[here], FLATTEST))
    return calm


def _least_squares(m: Floats, v: Floats, weight: Floats, flat: bool) -> tuple[float, float, Floats]:
    """Weighted line; a line of no slope where there is only one level."""
    total = weight.sum()
    mean_m, mean_v = (weight * m).sum() / total, (weight * v).sum() / total
    spread = (weight * (m - mean_m) ** 2).sum()
    if flat or spread <= 1e-12 * total * max(mean_m**2, 1e-30):
        unknown = 0.0 if flat else np.inf
        return 0.0, float(mean_v), np.array([[unknown, 0.0], [0.0, 1 / total]])
    slope = float((weight * (m - mean_m) * (v - mean_v)).sum() / spread)
    covariance = np.array([[1.0, -mean_m], [-mean_m, mean_m**2]]) / spread
    covariance[1, 1] += 1 / total
    return slope, float(mean_v - slope * mean_m), covariance
