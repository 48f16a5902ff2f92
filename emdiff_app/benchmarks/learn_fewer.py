"""Blurred nuclei learned from few recorded images and from many, in the same minutes; beside what needs no learning.

`emdiff bench learn-fewer [20 100 500 ...] [gaussian|poisson] [5min] [DATA]`: the numbers are recorded images.
"""

from __future__ import annotations

from emdiff_app.baselines import best_of

from ._common.data import data_folder
from ._common.metrics import mean_psnr, mean_ssim
from ._common.report import Report
from ._common.words import Words
from ._learning.nuclei import FWHM_PX, NOISES, SIDE, Recordings, nuclei
from ._learning.recipes import DEBLUR
from ._learning.runs import estimates, learned

__all__ = ["run"]

COUNTS = (20, 100, 500)
MINUTES = 5.0
SCORED = 24


def run(report: Report) -> None:
    """One table: a row for each number of images."""
    words = Words(report.arguments)
    noise = (*words.among(tuple(NOISES)), "gaussian")[0]
    counts = words.numbers() or COUNTS
    minutes = words.amount("min", MINUTES)
    data = data_folder(("dsb2018_nuclei",), words.rest())
    test = nuclei(data, noise, SCORED, unseen=True)
    most = nuclei(data, noise, max(counts), unseen=False)
    report.text(
        f"Nuclei as in `learn-deblur`: {SIDE} pixels on a side, a Gaussian PSF (FWHM {FWHM_PX} pixels), {noise} noise; "
        f"learned from the corrupted images alone in {minutes:g} minutes, scored on {SCORED} crops of other images. "
        "Total variation has its weight chosen on the truth."
    )
    rows = [_without_learning(test)]
    rows += [_learned(most.first(count), test, noise, minutes) for count in counts]
    report.table(["images", "one sample", "mean of a pair", "estimate", "SSIM", "run"], rows)


def _without_learning(test: Recordings) -> tuple[object, ...]:
    best = best_of("tv", test.recorded, test.truth, test.imaging, dark=0.0).image
    psnr, ssim = mean_psnr(best, test.truth), mean_ssim(best, test.truth)
    return "0", "", "", f"{psnr:.2f}", f"{ssim:.3f}", "total-variation deconvolution"


def _learned(train: Recordings, test: Recordings, noise: str, minutes: float) -> tuple[object, ...]:
    count = len(train.recorded)
    name = f"deblur-{noise}-{count}"
    run = learned(name, train.recorded[:, 0].numpy(), train.model, DEBLUR, minutes=minutes)
    made = estimates(run.prior, test.model, test.recorded)
    figures = [f"{mean_psnr(x, test.truth):.2f}" for x in (made.sample, made.pair, made.mean)]
    return count, *figures, f"{mean_ssim(made.mean, test.truth):.3f}", run.words
