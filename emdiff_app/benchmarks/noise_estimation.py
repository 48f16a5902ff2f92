"""How well `estimate_noise` finds known noise put on real images, and real noise measured by averaging."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app.images import open_stack, stack_from_array
from emdiff_app.physics import PoissonGaussianNoise, estimate_noise

from ._common.data import data_folder
from ._common.report import Report

__all__ = ["Trial", "averaged_pairs", "run", "simulated"]

COMBINATIONS = 30
SETS = {"live_mito_u16": ("*.tif", 1.0), "dsb2018_nuclei": ("*.png", 10.0)}
"""Folder, files, and what their grey levels are multiplied by: the 8-bit nuclei are stretched to 11 bits or so."""
CASES = (
    ("live_mito_u16", 1.0, 8),
    ("live_mito_u16", 1.0, 1),
    ("dsb2018_nuclei", 1.0, 8),
    ("dsb2018_nuclei", 1.0, 1),
    ("dsb2018_nuclei", 0.7, 8),
    ("dsb2018_nuclei, offset 0", 1.0, 8),
)
"""Images, how much they are smoothed, and how many make one estimate. Without an offset, half of the noise of the
dark background is cut off at 0."""
CHANNELS = 3


@dataclass(frozen=True)
class Trial:
    """What came out for one combination, as ratios to the truth: ours, and a plain straight line."""

    noise: PoissonGaussianNoise
    gain: float
    variance: float
    plain_gain: float
    plain_variance: float


def run(report: Report) -> None:
    """Tables for simulated and for real noise."""
    data = data_folder((*SETS, "w2s"), report.arguments[0] if report.arguments else None)
    report.text(
        "How well `estimate_noise` finds gain and total variance. *Plain line*: mean square of a 3x3 high-pass "
        "against the 3x3 mean, in bins of level, one straight line by least squares: the usual short recipe, on the "
        "same images."
    )
    _simulated_part(report, data)
    _real_part(report, data)


def _simulated_part(report: Report, data: Path) -> None:
    report.text(
        f"## Simulated noise\n\n{COMBINATIONS} combinations, gain 0.5 to 10 and read noise 1 to 10 (both "
        "log-uniform), offset 0 to 500, each on randomly chosen images, true Poisson draws, rounded to 16 bit. The "
        "images carry noise of their own, so they were smoothed first: with a Gaussian of sigma 1 pixel, as optics "
        "that meet the Nyquist limit would, or of 0.7 where they bear it (at 0.7 the mitochondria still show their "
        "own noise). Their darkest percentile became 0, and the nuclei (8 bit) were multiplied by 10. Ratio "
        "estimated / true; the variance is that at the median level. The estimator is not told the "
        "offset. With an offset of 0 the file cuts off half of the noise of "
        "the dark background, which is about a photon there: the hardest row."
    )
    rows = []
    for name, sigma, images in CASES:
        folder, _, cut = name.partition(", ")
        trials = list(simulated(data, folder, images=images, sigma=sigma, offset=0.0 if cut else None))
        for word, gains, variances in (
            ("ours", [t.gain for t in trials], [t.variance for t in trials]),
            ("plain line", [t.plain_gain for t in trials], [t.plain_variance for t in trials]),
        ):
            rows.append([name, sigma, images, word, *_summary(gains), *_summary(variances)])
    within = f"within 10 % (of {COMBINATIONS})"
    report.table(
        [
            "images",
            "smoothed by",
            "images in one estimate",
            "method",
            *("gain: median", "range", within),
            *("variance: median", "range", within),
        ],
        rows,
    )


def _real_part(report: Report, data: Path) -> None:
    report.text(
        "## Real noise\n\n`w2s`: single widefield frames, each stretched to 8 bit on its own, and means of 400 frames "
        "of the same fields. The truth is the mean square of (frame - affine fit of the mean), in ten bands of level; "
        "the estimate saw only the single frame. Ratio predicted / measured variance, over images and bands. (Below "
        "the darkest background the model holds the variance constant: the first band.)"
    )
    rows = []
    for channel in range(CHANNELS):
        ratios = np.array([r for _, r in averaged_pairs(data, channel)])
        per_image = np.nanmedian(ratios, axis=1)
        bands = np.nanmedian(ratios, axis=0)
        median, low, high = (float(f(per_image)) for f in (np.median, np.min, np.max))
        rows.append(
            [
                channel,
                len(ratios),
                median,
                f"{low:.2f}-{high:.2f}",
                " ".join(f"{b:.2f}" for b in bands if b == b),
            ]
        )
    report.table(
        ["channel", "images", "median ratio", "median of one image: range", "median by band, dark to bright"],
        rows,
    )


def simulated(
    data: Path,
    name: str,
    *,
    images: int,
    sigma: float = 1.0,
    offset: float | None = None,
    combinations: int = COMBINATIONS,
    seed: int = 0,
) -> Iterator[Trial]:
    """Known noise on real images; `images` of them make the stack that one estimate sees."""
    import torch

    pattern, factor = SETS[name]
    files = sorted((data / name).glob(pattern))
    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(combinations):
        noise = PoissonGaussianNoise(
            offset=float(rng.uniform(0, 500)) if offset is None else offset,
            gain=float(np.exp(rng.uniform(np.log(0.5), np.log(10)))),
            read_noise=float(np.exp(rng.uniform(0, np.log(10)))),
        )
        levels = _same_size([files[i] for i in rng.permutation(len(files))], images, factor, sigma)
        recorded = noise.simulate(torch.from_numpy(levels + noise.offset), generator).numpy()
        recorded = recorded.round().clip(0, 65535).astype(np.uint16)
        found = estimate_noise(stack_from_array(recorded, "ZYX", name=name), per_image=False)
        median = float(np.median(recorded))
        true = float(noise.variance(median)) + 1 / 12  # and the rounding
        slope, intercept = _plain_line(recorded)
        gain = found.model.gain if isinstance(found.model, PoissonGaussianNoise) else 0.0
        yield Trial(
            noise,
            gain / noise.gain,
            found.variance_at_median / true,
            slope / noise.gain,
            (slope * median + intercept) / true,
        )


def averaged_pairs(data: Path, channel: int, bands: int = 10) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Predicted over measured variance in bands of level, for every frame of `w2s`."""
    for path in sorted((data / "w2s" / "noisy").glob(f"*_{channel}.tif")):
        with open_stack(path) as stack, open_stack(path.parents[1] / "clean" / path.name) as mean:
            frame, clean = stack.plane().astype(np.float64).ravel(), mean.plane().astype(np.float64).ravel()
            model = estimate_noise(stack).model
        fit = np.polynomial.Polynomial.fit(clean, frame, 1)
        level = fit(clean)
        square = (frame - level) ** 2
        edges = np.quantile(level, np.linspace(0, 1, bands + 1))[1:-1]
        band = np.digitize(level, edges)  # dark pixels share few levels, so some bands may be empty
        ratio = [
            float(np.mean(model.variance(level[band == b])) / square[band == b].mean())
            if (band == b).any()
            else np.nan
            for b in range(bands)
        ]
        yield path.name, np.array(ratio)


def _same_size(files: list[Path], count: int, factor: float, sigma: float) -> NDArray[np.float64]:
    """The first `count` images of one size, smoothed, from 0 upward."""
    from scipy.ndimage import gaussian_filter

    chosen: list[NDArray[np.float64]] = []
    for file in files:
        with open_stack(file) as stack:
            plane = stack.plane().astype(np.float64)
        if chosen and plane.shape != chosen[0].shape:
            continue
        smooth = gaussian_filter(plane, sigma)
        chosen.append(factor * np.maximum(smooth - np.percentile(smooth, 1), 0))
        if len(chosen) == count:
            break
    return np.stack(chosen)


def _plain_line(stack: NDArray[Any]) -> tuple[float, float]:
    """The baseline: `E[(h * y)^2] = slope * mean + intercept` with a 3x3 high-pass h of unit norm."""
    from scipy.ndimage import convolve, uniform_filter

    kernel = np.outer([1, -2, 1], [1, -2, 1]) / 6
    level = np.concatenate([uniform_filter(p.astype(float), 3)[1:-1, 1:-1].ravel() for p in stack])
    square = np.concatenate([convolve(p.astype(float), kernel)[1:-1, 1:-1].ravel() ** 2 for p in stack])
    band = np.digitize(level, np.linspace(level.min(), level.max(), 41)[1:-1])
    weight = np.bincount(band, minlength=40)
    used = weight > 100
    mean = np.bincount(band, level, 40)[used] / weight[used]
    value = np.bincount(band, square, 40)[used] / weight[used]
    slope, intercept = np.polyfit(mean, value, 1, w=np.sqrt(weight[used]))
    return float(slope), float(intercept)


def _summary(ratios: list[float]) -> list[object]:
    values = np.array(ratios)
    within = int((np.abs(values - 1) <= 0.1).sum())
    return [float(np.median(values)), f"{values.min():.2f}-{values.max():.2f}", within]
