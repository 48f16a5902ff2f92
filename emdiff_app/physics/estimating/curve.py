"""When a measured mean-variance curve is not that of a camera counting photons, and how to say so."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy.stats import chi2

from .blocks import BLOCK, Blocks
from .line import Line

__all__ = ["CurvePoint", "curve_points", "oddities", "why_not_photons"]

SURE = 3.0
"""The slope has to be this many standard errors above zero, or the noise is called Gaussian."""
FLAT = 5.0
"""The means of blocks must vary this many times as much as noise alone makes them."""


class CurvePoint(BaseModel):
    """One point of the measured mean-variance curve: blocks of about one level."""

    model_config = ConfigDict(frozen=True)

    level: float
    variance: float
    weight: float
    """How many blocks stand behind it."""


def why_not_photons(blocks: Blocks, line: Line, variance: float) -> str | None:
    """Why the slope cannot be taken for a gain, or None where it can."""
    slope, error = line.slope, float(np.sqrt(line.covariance[0, 0]))
    low, high = np.percentile(blocks.level[line.used], [2, 98])
    little = (
        f"The intensities range from {low:.4g} to {high:.4g} only, too little to tell how the noise grows with "
        "the signal; it was taken to be the same everywhere (Gaussian)."
    )
    # The means of the blocks are noisy themselves; what they spread by that is no range of intensities.
    if float(np.var(blocks.level[line.used])) < FLAT * variance / BLOCK**2:
        return little
    if slope > SURE * error and slope * (high - low) > 0.1 * float(line.at(low)):
        return None
    if error * (high - low) > 0.3 * variance:
        return little
    if slope < -SURE * error:
        return (
            "The noise falls with the signal, so the images were probably clipped or processed (gamma, denoising); "
            "one average sigma (Gaussian) is a makeshift."
        )
    return "The noise does not grow with the signal, so it was taken to be the same everywhere (Gaussian)."


def oddities(blocks: Blocks, line: Line) -> list[str]:
    """Signs that the noise is not what the model says: correlated, or not a straight line."""
    found = []
    expected = np.maximum(line.at(blocks.level), 1e-30)
    white = chi2.ppf([0.1, 0.5], blocks.texture_degrees) / blocks.texture_degrees
    flattest, middle = np.quantile(blocks.texture / expected, [0.1, 0.5])
    if flattest > 1.6 * white[0]:
        found.append(
            "Even the flattest parts hold more coarse than fine detail: the images were probably smoothed, resized or "
            "compressed (JPEG), and the noise is then under-estimated."
        )
    elif middle < 0.7 * white[1]:
        found.append(
            "There is more fine than coarse detail: the images were probably sharpened, or pixels interleaved; the "
            "noise is then over-estimated."
        )
    points = [p for p in curve_points(blocks, line) if p.weight >= 30]
    if len(points) >= 6:
        bend = _bend(points, line)
        if abs(bend) > 0.25:
            found.append(
                f"The variance does not grow in a straight line (it is {100 * abs(bend):.0f} % "
                f"{'below' if bend < 0 else 'above'} it at the bright end): the images may have been gamma-corrected "
                "or processed."
            )
    return found


def _bend(points: Sequence[CurvePoint], line: Line) -> float:
    """How far the brightest sixth of the curve lies off the line, relative to it."""
    bright = points[-max(1, len(points) // 6) :]
    ratio = [p.variance / max(float(line.at(p.level)), 1e-30) for p in bright]
    return float(np.average(ratio, weights=[p.weight for p in bright])) - 1


def curve_points(blocks: Blocks, line: Line, count: int = 40) -> tuple[CurvePoint, ...]:
    """The blocks that were used, averaged in equal steps of level."""
    level, variance = blocks.level[line.used], blocks.variance[line.used]
    if not level.size:
        return ()
    edges = np.linspace(level.min(), level.max(), count + 1)
    where: NDArray[np.intp] = np.digitize(level, edges[1:-1])
    weight = np.bincount(where, minlength=count)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(where, level, count) / weight
        value = np.bincount(where, variance, count) / weight
    return tuple(
        CurvePoint(level=float(mean[i]), variance=float(value[i]), weight=float(weight[i]))
        for i in np.flatnonzero(weight)
    )
