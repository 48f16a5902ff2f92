"""One sampler on one problem: held-out images, what was recorded of them, and what it made of that."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from emdiff_app import posterior
from emdiff_app.benchmarks._common import perceptual
from emdiff_app.benchmarks._common.metrics import mean_psnr, mean_ssim, sliced_wasserstein
from emdiff_app.diffusion import Prior
from emdiff_app.physics import Imaging, ImagingModel
from emdiff_app.physics.random import generator_of
from emdiff_app.posterior.look import look
from emdiff_app.posterior.pairs import in_pairs
from emdiff_app.restoring.trust import coverage

from .counting import counted

__all__ = ["CAMERA", "MARGIN", "Outcome", "Problem", "looked", "measured", "problems_for"]

MARGIN = 8
"""Pixels of truth beyond the border of what is recorded."""
BLUR: dict[str, Any] = {"kind": "blur", "psf": {"kind": "gaussian", "fwhm_px": 3.5}}
MISSING: dict[str, Any] = {"kind": "mask", "missing": 0.6, "seed": 1}
AGAIN, SHORT_S = 2, 5.0
"""What takes less than so many seconds is timed so often again, and the fastest time counts."""
CAMERA: dict[str, Any] = {"kind": "poisson-gaussian", "offset": 0, "gain": 0.05, "read_noise": 0.02}
WHITE: dict[str, Any] = {"kind": "gaussian", "sigma": 0.1}


@dataclass(frozen=True)
class Problem:
    """Held-out images, how they were corrupted, and what was recorded."""

    name: str
    imaging: Imaging
    truth: Tensor
    recorded: Tensor


@dataclass(frozen=True)
class Outcome:
    """What one sampler did on one problem. PSNR and SSIM of `one` sample are means over all samples.

    Evaluations, gradients and seconds are for one sample of one image. LPIPS and FID are of single samples,
    and words where they were not measured.
    """

    sampler: str
    chosen: str
    one: float
    one_ssim: float
    mean: float
    mean_ssim: float
    patches: float
    chi2: float
    covered: float
    evaluations: int
    gradients: int
    seconds: float
    lpips: float | str = ""
    fid: float | str = ""


def problems_for(truth: Tensor) -> list[Problem]:
    """The three corruptions: noise alone (a camera's for grey images), blur and noise, pixels that are missing."""
    models: dict[str, dict[str, Any]] = {
        "noise": {"noise": CAMERA if truth.shape[1] == 1 else WHITE},
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


def measured(
    prior: Prior,
    problem: Problem,
    sampler: str,
    samples: int,
    *,
    options: Mapping[str, Any] | None = None,
    weights: Path | None = None,
    pairs: bool = True,
) -> Outcome:
    """All samples of all images in two batches, one for each half of the pairs, timed; without `pairs` in one.

    `options` are for the sampler, and go into its name.
    """
    method = posterior.get(sampler)
    options, told = dict(options or {}), posterior.Report()

    def draw(y: Tensor, generator: torch.Generator) -> Tensor:
        return method.sample(
            prior,
            problem.imaging,
            y,
            **{"steps": method.steps, **options},
            generator=generator,
            report=told,
        )

    batches = 2 if pairs and samples % 2 == 0 else 1

    def sample(y: Tensor) -> Tensor:
        if batches == 1:
            return draw(y, generator_of(7))
        half = y[: len(y) // 2]
        return torch.cat([draw(half, own) for own in in_pairs(generator_of(7), 2)])

    name = ", ".join([sampler, *(f"{option} {value}" for option, value in options.items())])
    made = _judged(prior, problem, name, sample, samples, weights, batches)
    return replace(made, chosen=told.method or sampler)


def looked(prior: Prior, problem: Problem, weights: Path | None = None) -> Outcome | None:
    """What a restoration does where only noise was added: the denoiser's answer to the recorded image."""
    if not posterior.from_noise.fits(problem.imaging, prior):
        return None

    def answer(y: Tensor) -> Tensor:
        return look(prior, problem.imaging, y)[0]

    return _judged(prior, problem, "one look", answer, 1, weights)


def _judged(
    prior: Prior,
    problem: Problem,
    name: str,
    restore: Callable[[Tensor], Tensor],
    samples: int,
    weights: Path | None,
    batches: int = 1,
) -> Outcome:
    y = problem.recorded.repeat(samples, 1, 1, 1)
    with counted(prior) as count:
        began = time.perf_counter()
        x = restore(y)
        seconds = time.perf_counter() - began
    for _ in range(AGAIN if seconds < SHORT_S else 0):  # other programs weigh most where there is least to do
        began = time.perf_counter()
        restore(y)
        seconds = min(seconds, time.perf_counter() - began)
    seconds /= len(y)
    cropped, truth = problem.imaging.crop(x), problem.truth
    draws = cropped.reshape(samples, -1, *cropped.shape[1:])
    each = truth.repeat(samples, 1, 1, 1)
    return Outcome(
        sampler=name,
        chosen=name,
        one=mean_psnr(cropped, each),
        one_ssim=mean_ssim(cropped, each),
        mean=mean_psnr(draws.mean(0), truth),
        mean_ssim=mean_ssim(draws.mean(0), truth),
        patches=sliced_wasserstein(draws[0], truth),
        chi2=float(problem.imaging.chi2(y, x).mean()),
        covered=coverage(draws, truth)[-1] if samples > 1 else float("nan"),
        evaluations=count.evaluations // batches,
        gradients=count.gradients // batches,
        seconds=seconds,
        lpips=perceptual.lpips(cropped, each, weights),
        fid=perceptual.fid(cropped, truth, weights),
    )
