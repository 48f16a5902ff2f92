"""Measure the noise of the user's own images: gain, read noise and offset from how the variance grows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from emdiff_app.errors import PhysicsError
from emdiff_app.images import Stack
from emdiff_app.physics.noise import GaussianNoise, NoiseSpec, PoissonGaussianNoise

from .blocks import Blocks
from .curve import CurvePoint, curve_points, oddities, why_not_photons
from .line import Line, fit_line, without_clipping
from .sample import Sample, sample_blocks, stretched_planes

__all__ = ["NoiseEstimate", "estimate_noise"]

DARKEST = 0.5
"""This percentile of the block means stands for the camera offset where nobody knows it."""
LEAST_BLOCKS = 24


class NoiseEstimate(BaseModel):
    """The noise of a stack, what it was read from, and how far to believe it.

    `gain_error` and `variance_error` are relative standard errors, of the gain and of the variance at the
    median level. `parts` holds one estimate per image where the images were stretched separately; `model`
    is then the typical one.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    model: NoiseSpec
    median_level: float
    variance_at_median: float
    variance_error: float
    gain_error: float | None = None
    photons_at_median: float | None = None
    points: tuple[CurvePoint, ...] = ()
    from_repeats: bool = False
    caveats: tuple[str, ...] = ()
    stretched: bool = False
    """Whether images were scaled one by one, so that the noise of one is not that of another."""
    parts: tuple[NoiseEstimate, ...] = ()
    index: tuple[int, ...] | None = None
    """Which plane this is, for the estimate of a single image."""

    @property
    def per_image(self) -> bool:
        """Whether every image has an estimate of its own."""
        return bool(self.parts)

    def model_for(self, index: tuple[int, ...]) -> NoiseSpec:
        """The noise of one plane: its own where images were measured one by one."""
        return next((part.model for part in self.parts if part.index == tuple(index)), self.model)

    def imaging_model(self) -> dict[str, Any]:
        """The imaging model "nothing but this noise", as `--model` reads it."""
        return {"operator": [], "noise": self.model.model_dump()}


def estimate_noise(
    stack: Stack,
    *,
    offset: float | None = None,
    per_image: bool | None = None,
    repeats: bool | None = None,
    seed: int = 0,
) -> NoiseEstimate:
    """Fit `variance = gain * level + (read_noise^2 - gain * offset)` to the finest detail of a stack.

    Only two of the three numbers can be read off a straight line. `offset` is the camera's, where it is
    known; otherwise the darkest background stands for it and the read noise is the noise found there, so
    that gain and total variance are right at every level of the images whatever the true offset.

    `per_image` fits every plane alone (the default finds out whether they were stretched separately);
    `repeats` says that the planes along the first axis show the same unmoving scene (the default tests the
    time axis for it). Not more than a sample of the pixels is read, chosen by `seed`.
    """
    stretched = stretched_planes(stack) if per_image is None else bool(per_image)
    sample = sample_blocks(stack, repeats=False if stretched else repeats, seed=seed)
    whole = _estimate(stack.name, sample, offset)
    if not stretched and per_image is None:
        stretched = _scales_differ(sample, whole)
        if stretched:
            why = "The gain differs from image to image, so the images were probably scaled separately"
    elif stretched:
        why = "Every image uses the full range of grey levels, so each was stretched on its own"
    if not stretched:
        return whole
    if per_image:
        why = "Every image was measured alone, as asked"
    return _apart(stack, whole, why, offset, seed)


def _apart(stack: Stack, whole: NoiseEstimate, why: str, offset: float | None, seed: int) -> NoiseEstimate:
    """Every plane measured alone, and the typical one for all."""
    indices = list(stack.plane_indices())
    if len(indices) == 1:
        note = f"{why}: its noise holds for this image only."
        return whole.model_copy(update={"caveats": (note, *whole.caveats), "stretched": True})
    parts = []
    for index in indices:
        own = sample_blocks(stack, planes=[index], seed=seed)
        estimate = _estimate(f"{stack.name} {list(index)}", own, offset)
        parts.append(estimate.model_copy(update={"index": index}))
    order = np.argsort([p.variance_at_median for p in parts])
    typical = parts[int(order[len(order) // 2])]
    note = f"{why}: the noise was measured per image, and the figures for the whole stack are those of the middle one."
    few = "In {} of {} images the noise could not be told from a flat one; there it is Gaussian."
    gaussian = sum(isinstance(p.model, GaussianNoise) for p in parts)
    notes = [note, *([few.format(gaussian, len(parts))] if gaussian else []), *typical.caveats]
    return typical.model_copy(
        update={
            "name": stack.name,
            "index": None,
            "caveats": tuple(notes),
            "stretched": True,
            "parts": tuple(parts),
        }
    )


def _estimate(name: str, sample: Sample, offset: float | None) -> NoiseEstimate:
    """From measured blocks to a model, in the order: clipping, line, kind of noise, caveats."""
    if len(sample.blocks) < LEAST_BLOCKS:
        raise PhysicsError(
            f"{name}: too few pixels to measure noise on ({len(sample.blocks)} blocks of 8x8, "
            f"{LEAST_BLOCKS} are needed); nothing was changed. Use larger or more images, or state the noise with "
            "--model."
        )
    caveats = list(sample.caveats)
    lively = sample.blocks.where(sample.blocks.alive)  # constant ones were masked, padded or clipped
    if len(lively) < LEAST_BLOCKS <= len(sample.blocks):
        lively = sample.blocks
    blocks = without_clipping(lively)
    if len(blocks) < max(LEAST_BLOCKS, 0.1 * len(lively)):
        blocks = lively
        caveats.append(
            "Nearly everywhere some pixels lie at the lowest or highest value the file can hold, which hides a part "
            "of the noise; it is probably under-estimated."
        )
    line = fit_line(blocks)
    median = sample.median
    variance, error = _variance_there(blocks, line, median)
    tiny = max(float(np.ptp(blocks.level)), abs(median), 1e-6) * 1e-6
    if variance <= tiny**2:
        caveats.append("No noise was found at all: the images look simulated, or were smoothed.")
        return _result(name, sample, GaussianNoise(sigma=tiny), blocks, line, 0.0, 0.0, caveats)
    refusal = why_not_photons(blocks, line, variance)
    if refusal:
        caveats.append(refusal)
        flat = fit_line(blocks, flat=True)
        sigma2 = flat.intercept if flat.intercept > 0 else variance
        error = flat.error_at(median)
        model: NoiseSpec = GaussianNoise(sigma=float(np.sqrt(sigma2)))
        return _result(name, sample, model, blocks, flat, sigma2, error, caveats + oddities(blocks, flat))
    dark = float(np.percentile(lively.level, DARKEST))
    model, notes = _photon_model(blocks, line, dark, offset)
    caveats += notes + oddities(blocks, line)
    return _result(name, sample, model, blocks, line, variance, error, caveats)


def _result(
    name: str,
    sample: Sample,
    model: NoiseSpec,
    blocks: Blocks,
    line: Line,
    variance: float,
    error: float,
    caveats: Sequence[str],
) -> NoiseEstimate:
    photons = model.photons(sample.median)
    gain_error = None
    if isinstance(model, PoissonGaussianNoise):
        gain_error = float(np.sqrt(line.covariance[0, 0])) / model.gain
    return NoiseEstimate(
        name=name,
        model=model,
        median_level=sample.median,
        variance_at_median=float(model.variance(sample.median)) if variance else 0.0,
        variance_error=error / variance if variance else 0.0,
        gain_error=gain_error,
        photons_at_median=None if photons is None else float(photons),
        points=curve_points(blocks, line),
        from_repeats=sample.from_repeats,
        caveats=tuple(caveats),
    )


def _variance_there(blocks: Blocks, line: Line, level: float) -> tuple[float, float]:
    """The variance at a level; where the line has gone below zero, that of the blocks about it."""
    variance = float(line.at(level))
    if variance > 0:
        return variance, line.error_at(level)
    near = np.argsort(np.abs(blocks.level - level))[: max(LEAST_BLOCKS, len(blocks) // 20)]
    measured = float(np.median(blocks.variance[near]))
    return measured, measured


def _photon_model(
    blocks: Blocks, line: Line, dark: float, offset: float | None
) -> tuple[PoissonGaussianNoise, list[str]]:
    gain = line.slope
    if offset is None:
        near = blocks.variance[blocks.level <= np.percentile(blocks.level, 5)]
        read2 = max(float(line.at(dark)), 0.1 * float(np.median(near)))
        note = (
            f"The camera offset is not known; the darkest background ({dark:.4g}) stands for it and its noise for the "
            "read noise, so photon numbers are those above the background. Give --offset if you know it."
        )
        return PoissonGaussianNoise(offset=dark, gain=gain, read_noise=float(np.sqrt(read2))), [note]
    read2 = float(line.at(offset))
    if read2 >= 0:
        return PoissonGaussianNoise(offset=offset, gain=gain, read_noise=float(np.sqrt(read2))), []
    note = (
        f"With an offset of {offset:.4g} the darkest pixels would need less than no read noise; the noise points to "
        f"an offset of about {-line.intercept / gain:.4g}. Check the offset."
    )
    return PoissonGaussianNoise(offset=offset, gain=gain, read_noise=0.0), [note]


def _scales_differ(sample: Sample, whole: NoiseEstimate) -> bool:
    """Whether the planes, fitted one by one, disagree about the gain by more than they can by chance."""
    if not isinstance(whole.model, PoissonGaussianNoise) or len(sample.planes) < 3:
        return False
    gains, errors = [], []
    for blocks in sample.planes:
        usable = without_clipping(blocks)
        if len(usable) >= 4 * LEAST_BLOCKS:
            line = fit_line(usable)
            gains.append(line.slope)
            errors.append(float(np.sqrt(line.covariance[0, 0])))
    good = [(g, e) for g, e in zip(gains, errors, strict=True) if 0 < e < 0.1 * g]
    if len(good) < 3:
        return False
    own, error = np.array(good).T
    away = np.abs(own - np.median(own))
    return bool(np.median(away) > 0.17 * np.median(own) and np.median(away / error) > 3)
