"""Nuclei learned from blurred, noisy images alone, beside Richardson-Lucy and total variation at their best.

`emdiff bench learn-deblur [gaussian|poisson] [15min] [DATA]`; without words, both noises. `emdiff bench learn-fewer`
shows how it changes with the number of images.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from emdiff_app.baselines import best_of, restore_images, spectrum_prior
from emdiff_app.diffusion import fit_gaussian
from emdiff_app.physics import psf_array
from emdiff_app.physics.random import generator_of
from emdiff_app.posterior.pairs import in_pairs

from ._common.data import data_folder
from ._common.kept import digest, kept, program
from ._common.metrics import mean_psnr, mean_ssim
from ._common.report import Report
from ._common.words import Words
from ._learning import nuclei as _nuclei
from ._learning.nuclei import NOISES, Recordings, nuclei
from ._learning.recipes import DEBLUR
from ._learning.runs import Learned, draw, estimates, learned, say
from ._sampling.clean_prior import clean_prior

__all__ = ["run"]

IMAGES = 500
SCORED = 24
OVER_RL, OVER_TV = 4.0, 0.8
CLEAN_STEPS, CLEAN_SIDE, CLEAN_SAMPLES = 1000, 64, 4

Row = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What was asked for on the command line."""

    data: Path
    noises: tuple[str, ...]
    minutes: float
    fields: dict[str, Any]


def run(report: Report) -> None:
    """Two tables for each noise."""
    words = Words(report.arguments)
    noises = words.among(tuple(NOISES)) or tuple(NOISES)
    minutes = words.amount("min", 15.0)
    plan = Plan(data_folder(("dsb2018_nuclei",), words.rest()), noises, minutes, DEBLUR)
    report.text(
        f"Nuclei of the data science bowl 2018, {_nuclei.SIDE} pixels on a side, blurred by a Gaussian PSF (FWHM "
        f"{_nuclei.FWHM_PX} pixels); light from beyond the borders is real. Noise: Gaussian of 5 % of the range, or "
        "Poisson with 50 photons at the peak. Learned from the corrupted images alone; scored on "
        f"{SCORED} crops of other images, borders included: mean PSNR with the range 1, mean SSIM. The settings of the "
        "classical methods were chosen on the truth: one for all images, and, in the next column, one for each "
        "image by itself."
    )
    for noise in plan.noises:
        _one_noise(report, plan, noise)
    report.text("How it changes with the number of images: [learn-fewer](learn-fewer.md).")


def _one_noise(report: Report, plan: Plan, noise: str) -> None:
    test = nuclei(plan.data, noise, SCORED, unseen=True)
    train = nuclei(plan.data, noise, IMAGES, unseen=False)
    rows = classical(train, test)
    run, ours = _ours(plan, noise, train, test)
    ceiling = _ceiling(train, test, plan.fields["size"])
    report.text(f"## {noise.capitalize()} noise, {IMAGES} images\n\nOurs: {run.words} ({run.ended}).")
    report.table(
        ["", "PSNR", "SSIM", "PSNR, a setting for each image", "setting"],
        [_cells(row) for row in (*rows.values(), *ours, ceiling)],
    )
    mean, most = ours[-1]["psnr"], ceiling["psnr"]
    margins = []
    for name, aim in (("skimage", OVER_RL), ("richardson-lucy", OVER_RL), ("tv", OVER_TV)):
        gap, left = mean - rows[name]["psnr"], most - rows[name]["psnr"]
        met = "yes" if gap >= aim else "NO"
        margins.append((rows[name]["title"], f"{gap:+.2f}", f"{aim:+.1f}", met, f"{left:+.2f}"))
    report.table(["the estimate above", "dB", "target", "met", "with clean images"], margins)


def _ours(plan: Plan, noise: str, train: Recordings, test: Recordings) -> tuple[Learned, list[Row]]:
    name = f"deblur-{noise}-{len(train.recorded)}"
    run = learned(name, train.recorded[:, 0].numpy(), train.model, plan.fields, minutes=plan.minutes)
    made = estimates(run.prior, test.model, test.recorded)
    return run, [
        _row("EMDiff, one sample", made.sample, test.truth),
        _row("EMDiff, mean of one pair of samples", made.pair, test.truth),
        _row(f"EMDiff, {made.way}", made.mean, test.truth, f"chi2 of samples {made.chi2:.2f}"),
    ]


def _ceiling(train: Recordings, test: Recordings, size: str) -> Row:
    """The same network trained on the clean images: about what there is to reach."""

    def compute() -> Row:
        windows = train.truth.unfold(2, CLEAN_SIDE, CLEAN_SIDE // 2).unfold(3, CLEAN_SIDE, CLEAN_SIDE // 2)
        images = windows.reshape(-1, 1, *windows.shape[-2:]).numpy()
        prior = clean_prior("nuclei", images, size=size, steps=CLEAN_STEPS, say=say)
        draws = [
            test.imaging.crop(draw(prior, test.imaging, test.recorded, own))
            for own in in_pairs(generator_of(0), CLEAN_SAMPLES)
        ]
        title = f"the same network taught with the clean images, mean of {CLEAN_SAMPLES} samples"
        return _row(title, torch.stack(draws).mean(0), test.truth)

    settings = [size, CLEAN_STEPS, CLEAN_SIDE, CLEAN_SAMPLES]
    source = program("physics", "diffusion", "posterior")
    content = digest(train.truth, test.truth, test.recorded, test.model, settings, source)
    return kept("deblur-ceiling", content, compute)


def classical(train: Recordings, test: Recordings) -> dict[str, Row]:
    """What needs no prior, and the two linear ones: kept by the images they were scored on."""
    content = digest(
        train.recorded, test.recorded, test.truth, test.model, program("physics", "diffusion", "baselines")
    )
    return kept("deblur-classical", content, lambda: _classical(train, test))


def _classical(train: Recordings, test: Recordings) -> dict[str, Row]:
    y, x, imaging = test.recorded, test.truth, test.imaging
    made = {"recorded": _row("as recorded", y, x), "skimage": _scikit_image(test)}
    names: dict[str, tuple[str, dict[str, Any]]] = {
        "richardson-lucy": ("Richardson-Lucy that knows borders", {}),
        "richardson-lucy-tv": ("the same with total variation", {}),
        "tv": ("total-variation deconvolution, no light below 0", {"dark": 0.0}),
    }
    for name, (title, fixed) in names.items():
        best = best_of(name, y, x, imaging, **fixed)
        setting = ", ".join(f"{k} {v:g}" for k, v in best.parameters.items())
        made[name] = {**_row(title, best.image, x, setting), "each": mean_psnr(best.each, x)}
    gaussian = fit_gaussian(
        train.imaging, list(torch.split(train.recorded[:256], 32)), torch.Generator().manual_seed(0), rounds=8
    )
    made["gaussian"] = _row(
        "Wiener, spectrum learned from the corrupted images (Gaussian EM)",
        restore_images("wiener", y, imaging, prior=gaussian),
        x,
    )
    known = spectrum_prior(train.truth)
    made["wiener"] = _row("Wiener, true spectrum", restore_images("wiener", y, imaging, prior=known), x)
    return made


def _scikit_image(test: Recordings) -> Row:
    """The library's Richardson-Lucy, as it is: it takes what lies beyond the border for darkness."""
    from skimage.restoration import richardson_lucy

    psf = psf_array(test.model.operator[0].psf, ndim=2)  # type: ignore[union-attr]
    light = test.recorded[:, 0].clamp_min(1e-6).double().numpy()
    tries = {}
    for count in (1, 2, 3, 4, 6, 8, 12, 16, 24):
        planes = [richardson_lucy(plane, psf, num_iter=count, clip=False) for plane in light]
        tries[count] = torch.from_numpy(np.stack(planes)[:, None].astype(np.float32))
    error = torch.stack([(made - test.truth).square().flatten(1).mean(1) for made in tries.values()])
    at = int(error.log().mean(1).argmin())
    count = list(tries)[at]
    row = _row("Richardson-Lucy of scikit-image", tries[count], test.truth, f"iterations {count}")
    return {**row, "each": float((-10 * error.amin(0).log10()).mean())}


def _row(title: str, made: Tensor, truth: Tensor, setting: str = "") -> Row:
    return {
        "title": title,
        "psnr": mean_psnr(made, truth),
        "ssim": mean_ssim(made, truth),
        "each": None,
        "setting": setting,
    }


def _cells(row: Row) -> list[str]:
    each = "" if row["each"] is None else f"{row['each']:.2f}"
    return [row["title"], f"{row['psnr']:.2f}", f"{row['ssim']:.3f}", each, row["setting"]]
