"""Every sampler on the same held-out images with the same clean prior: quality, calibration, cost.

`emdiff bench samplers [mito|cifar|poster ...]`; without a word, all of them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from emdiff_app import posterior
from emdiff_app.diffusion import LearnedPrior
from emdiff_app.errors import EMDiffError
from emdiff_app.physics import Imaging, ImagingModel
from emdiff_app.posterior.covariance import uncertainty_of

from ._clean_prior import clean_prior
from ._counting import counted
from ._data import cifar, crops_of, data_folder
from ._metrics import coverage, lpips_or_reason, mean_psnr, mean_ssim, sliced_wasserstein
from ._report import Report

__all__ = ["Outcome", "Problem", "measure", "problems_for", "run"]

SAMPLES = 8
IMAGES = 8
SIDE = 48
MARGIN = 8
STEPS = 3000
BLUR: dict[str, Any] = {"kind": "blur", "psf": {"kind": "gaussian", "fwhm_px": 3.5}}
MISSING: dict[str, Any] = {"kind": "mask", "missing": 0.6, "seed": 1}
PARTS = ("mito", "cifar", "poster")
POSTER = ("sdedit", "score-ald", "dps")
PUBLISHED = {
    ("blur", "sdedit"): 20.28,
    ("blur", "score-ald"): 22.19,
    ("blur", "dps"): 28.67,
    ("missing", "sdedit"): 21.04,
    ("missing", "score-ald"): 28.01,
    ("missing", "dps"): 34.73,
}
"""PSNR on the poster, on photographs of other sizes: the order is what can be compared."""


@dataclass(frozen=True)
class Problem:
    """Held-out images, how they were corrupted, and what was recorded."""

    name: str
    imaging: Imaging
    truth: Tensor
    recorded: Tensor


@dataclass(frozen=True)
class Outcome:
    """What one sampler did on one problem."""

    method: str
    seconds: float
    evaluations: int
    gradients: int
    one: Tensor
    mean: Tensor
    chi2: float
    covered: float


def run(report: Report) -> None:
    """Tables for the parts that were named."""
    wanted = [word for word in report.arguments if word in PARTS] or list(PARTS)
    folders = [word for word in report.arguments if word not in PARTS]
    if len(folders) > 1:
        raise EMDiffError(
            f"Name parts ({', '.join(PARTS)}) and at most one data folder; nothing was measured."
        )
    data = data_folder(("live_mito_u16", "cifar10", "dsb2018_nuclei"), folders[0] if folders else None)
    report.text(
        f"One small prior for each kind of image, trained on clean ones ({STEPS} steps), so that samplers are "
        f"compared and not learning. {IMAGES} held-out images, {SAMPLES} samples of each; every sampler with the "
        "number of steps that it was published or is meant with, from the same recorded images. *Cost* is for one "
        "image: evaluations of the network + passes back through it; seconds are for one sample of one image, "
        "the whole batch divided by its size. *Covered*: how often the truth lies in the 90 % interval of the samples."
    )
    if "mito" in wanted:
        _tables(report, "Mitochondria", _mito(data), *_mito_images(data))
    if "cifar" in wanted:
        photos = torch.from_numpy(cifar(data / "cifar10", unseen=True)[:IMAGES])
        prior = clean_prior(
            "cifar10", cifar(data / "cifar10", unseen=False), size="small", steps=STEPS, say=_say
        )
        # Photos are small: what lies beyond their border is their mirror image.
        _tables(report, "CIFAR-10", prior, functional.pad(photos, (MARGIN,) * 4, mode="reflect"))
    if "poster" in wanted:
        _poster(report, data)


def problems_for(truth: Tensor) -> list[Problem]:
    """The three corruptions: noise alone, blur and noise, and pixels that are missing."""
    photons: dict[str, Any] = {"kind": "poisson-gaussian", "offset": 0, "gain": 0.05, "read_noise": 0.02}
    white: dict[str, Any] = {"kind": "gaussian", "sigma": 0.1}
    models: dict[str, dict[str, Any]] = {
        "noise": {"noise": photons if truth.shape[1] == 1 else white},
        "blur": {"operator": [BLUR], "noise": {"kind": "gaussian", "sigma": 0.02}},
        "missing": {"operator": [MISSING], "noise": {"kind": "gaussian", "sigma": 0.01}},
    }
    return [_problem(name, ImagingModel.model_validate(model), truth) for name, model in models.items()]


def _problem(name: str, model: ImagingModel, whole: Tensor) -> Problem:
    """Record the middle of `whole`, so that what lies beyond its border is real."""
    field = tuple(n - 2 * MARGIN for n in whole.shape[2:])
    imaging = model.bind(field)
    start = [(n - d) // 2 for n, d in zip(whole.shape[2:], imaging.domain, strict=True)]
    x = whole
    for axis, (first, length) in enumerate(zip(start, imaging.domain, strict=True), 2):
        x = x.narrow(axis, first, length)
    return Problem(name, imaging, imaging.crop(x), imaging.simulate(x, 3))


def measure(prior: LearnedPrior, problem: Problem, method: str) -> Outcome:
    """All samples of all images in one batch, timed."""
    chosen = posterior.get(method)
    y = problem.recorded.repeat(SAMPLES, 1, 1, 1)
    with counted(prior) as count:
        began = time.perf_counter()
        x = chosen.sample(
            prior, problem.imaging, y, steps=chosen.steps, generator=torch.Generator().manual_seed(7)
        )
        seconds = (time.perf_counter() - began) / len(y)
    cropped = problem.imaging.crop(x)
    draws = cropped.reshape(SAMPLES, -1, *cropped.shape[1:])
    return Outcome(
        method,
        seconds,
        count.evaluations,
        count.gradients,
        draws[0],
        draws.mean(0),
        float(problem.imaging.chi2(y, x).mean()),
        coverage(draws, problem.truth),
    )


def _tables(report: Report, title: str, prior: LearnedPrior, truth: Tensor) -> None:
    began = time.perf_counter()
    uncertainty_of(prior)  # measured once for a prior, then remembered
    report.text(f"# {title}\n\nThe prior's uncertainty, measured once: {time.perf_counter() - began:.1f} s.")
    for problem in problems_for(truth):
        report.text(f"## {title}: {problem.name}\n\nRecorded: {_recorded_psnr(problem)}.")
        made = [measure(prior, problem, name) for name in posterior.names() if _can(name, problem, prior)]
        slow = next(o for o in made if o.method == "dps")
        rows = [
            _row(outcome, problem.truth, slow.seconds)
            for outcome in sorted(made, key=lambda o: -_quality(o, problem))
        ]
        report.table(
            [
                "sampler",
                "one: PSNR",
                "SSIM",
                "mean of 8: PSNR",
                "SSIM",
                "patches (one)",
                "chi2",
                "covered",
                "cost",
                "s",
                "times faster than dps",
            ],
            rows,
        )
        said = lpips_or_reason(made[0].one, problem.truth)
        if isinstance(said, str):
            report.text(f"LPIPS and FID {said}.")


def _quality(outcome: Outcome, problem: Problem) -> float:
    return mean_psnr(outcome.mean, problem.truth)


def _row(o: Outcome, truth: Tensor, slow: float) -> list[object]:
    return [
        o.method,
        f"{mean_psnr(o.one, truth):.2f}",
        f"{mean_ssim(o.one, truth):.3f}",
        f"{mean_psnr(o.mean, truth):.2f}",
        f"{mean_ssim(o.mean, truth):.3f}",
        f"{sliced_wasserstein(o.one, truth):.4f}",
        f"{o.chi2:.2f}",
        f"{100 * o.covered:.0f} %",
        f"{o.evaluations} + {o.gradients}",
        o.seconds,
        f"{slow / o.seconds:.1f}",
    ]


def _recorded_psnr(problem: Problem) -> str:
    return f"PSNR {mean_psnr(problem.recorded, problem.truth):.2f}, as it is"


def _can(name: str, problem: Problem, prior: LearnedPrior) -> bool:
    """From-noise answers only where noise is all there is."""
    return name != "from-noise" or posterior.from_noise.fits(problem.imaging, prior)


def _poster(report: Report, data: Path) -> None:
    """SDEdit, Score-ALD and DPS with a prior for these images and one for others."""
    own, truth = _mito(data), _mito_images(data)[0]
    foreign = _prior("nuclei", data / "dsb2018_nuclei")
    report.text(
        "## The poster's comparison\n\nMitochondria with a prior learned on mitochondria, and on nuclei (out of "
        "distribution). *Published* is on photographs of another size, for the order alone; its run times are "
        "DPS = 3 x Score-ALD = 6 x SDEdit."
    )
    rows: list[list[object]] = []
    for problem in problems_for(truth)[1:]:
        outcomes = {name: measure(own, problem, name) for name in (*POSTER, "auto")}
        for name, outcome in outcomes.items():
            other = measure(foreign, problem, name)
            rows.append(
                [
                    problem.name,
                    name,
                    f"{mean_psnr(outcome.one, problem.truth):.2f}",
                    f"{mean_psnr(other.one, problem.truth):.2f}",
                    PUBLISHED.get((problem.name, name), "-"),
                    outcome.seconds,
                    f"{outcomes['dps'].seconds / outcome.seconds:.1f}",
                ]
            )
    headers = [
        "problem",
        "sampler",
        "PSNR, own prior",
        "PSNR, foreign prior",
        "published PSNR",
        "s",
        "dps / this",
    ]
    report.table(headers, rows)


def _mito(data: Path) -> LearnedPrior:
    return _prior("mito", data / "live_mito_u16")


def _mito_images(data: Path) -> Sequence[Tensor]:
    return (
        torch.from_numpy(crops_of(data / "live_mito_u16", SIDE + 2 * MARGIN, IMAGES, unseen=True, seed=5)),
    )


def _prior(name: str, folder: Path) -> LearnedPrior:
    crops = crops_of(folder, SIDE, 2000, unseen=False)
    return clean_prior(name, crops, size="small", steps=STEPS, say=_say)


def _say(sentence: str) -> None:
    import sys

    print(sentence, file=sys.stderr, flush=True)
