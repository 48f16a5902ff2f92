"""What a round of learning costs, and what the published algorithm costs on the same data with the same network.

`emdiff bench learn-cost [DATA]`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Generator, Tensor, no_grad

from emdiff_app import posterior
from emdiff_app.learning import PRESETS, Recipe
from emdiff_app.learning.judging.judgement import judge
from emdiff_app.learning.work import E_BATCH
from emdiff_app.physics import GaussianNoise, Imaging, ImagingModel
from emdiff_app.physics.random import generator_of
from emdiff_app.priors import read_prior

from ._common.data import data_folder
from ._common.metrics import mean_psnr
from ._common.report import Report
from ._common.words import Words
from ._learning.network_meter import metered
from ._learning.nuclei import Recordings, nuclei
from ._learning.recipes import DEBLUR
from ._learning.runs import Learned, learned

__all__ = ["run"]

IMAGES = 100
UNSEEN, STEPS = 96, 16
"""Crops of other images, restored by so many steps of the default sampler: on these both priors are judged."""
COMMON: dict[str, Any] = {"size": "small", "crop": 64, "crops": 320, "tries": 3, "held_out": 16}
COMMON |= {"start": "gaussian", "first_steps": 400}
OURS: dict[str, Any] = {**DEBLUR, **COMMON, "rounds": 9, "steps": 200, "patience": 0}
"""As many rounds as take about as long as one of theirs."""
THEIRS: dict[str, Any] = {
    **PRESETS["emdiffusion"],
    **COMMON,
    "rounds": 1,
    "steps": 600,
    "scratch_rounds": 0,
}
"""One round of its phase 1: a tenth of the crops, 1000 steps of DPS each; three times our optimiser steps."""
LESS_TIME, OUTSIDE = 50.0, 0.15


@dataclass(frozen=True, eq=False)
class _Judged:
    """What a prior makes of the unseen crops: the held-out score of each, and how far it is from the truth."""

    scores: tuple[float, ...]
    one: float
    pair: float


def run(report: Report) -> None:
    """Both runs, timed from within, and both priors judged alike."""
    words = Words(report.arguments)
    data = data_folder(("dsb2018_nuclei",), words.rest())
    images = nuclei(data, "gaussian", IMAGES, unseen=False)
    unseen = nuclei(data, "gaussian", UNSEEN, unseen=True, side=COMMON["crop"])
    runs = {
        "EMDiff": _timed("ours", images, OURS),
        "EMDiffusion as published": _timed("published", images, THEIRS),
    }
    judged = {name: _judged(one, unseen) for name, one in runs.items()}
    ours, theirs = runs.values()
    report.text(
        f"Blurred, noisy nuclei ({IMAGES} images), the same network ({ours.parameters / 1e6:.2f} M parameters), the "
        f"same crops, the same kind of start ({COMMON['first_steps']} steps on a Gaussian's samples); then "
        f"{OURS['rounds']} rounds of ours, and one round of EMDiffusion's phase 1 (the preset `emdiffusion`: DPS with "
        "1000 steps on a tenth of the crops), each with the optimiser settings of its preset. A forward-equivalent is "
        f"one evaluation of the network on one crop; a gradient counts as two more. On {ours.threads} thread(s)."
    )
    report.table(
        ["a round", "seconds", "forward-equivalents", "crops", "ms a crop", "outside the network"],
        [
            row
            for (name, one), fields in zip(runs.items(), (OURS, THEIRS), strict=True)
            for row in _rows(name, one, fields)
        ],
    )
    report.text(
        f"Both priors, judged alike on {UNSEEN} crops of images that neither run had. The held-out score is the "
        "program's: the log-likelihood, per pixel, of the part of the light that the restoration (mean of two samples, "
        f"{STEPS} steps) was not given."
    )
    report.table(
        [
            "prior",
            "run, seconds",
            "E-steps, seconds",
            "held-out score",
            "PSNR of the mean of two samples",
            "PSNR of one sample",
        ],
        [
            (
                name,
                f"{runs[name].seconds:.0f}",
                f"{runs[name].phases['e-step']:.0f}",
                f"{np.mean(j.scores):.4f}",
                f"{j.pair:.2f}",
                f"{j.one:.2f}",
            )
            for name, j in judged.items()
        ],
    )
    faster = _per_crop(theirs, THEIRS) / _per_crop(ours, OURS)
    share = 1 - _sum(ours.network) / _sum(ours.phases)
    gain, error = _difference(*judged.values())
    report.table(
        ["", "measured", "target", "met"],
        [
            (
                "E-step time for a crop, EMDiffusion / ours",
                f"{faster:.0f}",
                f">= {LESS_TIME:.0f}",
                _met(faster >= LESS_TIME),
            ),
            (
                "held-out score, ours less EMDiffusion's (standard error)",
                f"{gain:+.4f} ({error:.4f})",
                "better by more than the error",
                _met(gain > error),
            ),
            (
                "share of our E-steps and M-steps not spent in the network",
                f"{100 * share:.0f} %",
                "< 15 %",
                _met(share < OUTSIDE),
            ),
        ],
    )


def _judged(learned: Learned, unseen: Recordings) -> _Judged:
    """The same crops with the same random numbers for every prior."""
    prior, card = read_prior(learned.prior)
    imaging = unseen.model.bind(tuple(unseen.recorded.shape[2:]), scale=card.scale)
    drawn: list[Tensor] = []

    def sample(model: Imaging, y: Tensor, generator: Generator) -> Tensor:
        drawn.append(posterior.get("auto").sample(prior, model, y, steps=STEPS, generator=generator))
        return drawn[-1]

    with no_grad():
        result = judge(imaging, card.scale.forward(unseen.recorded), generator_of(0), sample)
    one, other = (card.scale.inverse(imaging.crop(x)) for x in drawn[:2])
    return _Judged(result.each, mean_psnr(one, unseen.truth), mean_psnr((one + other) / 2, unseen.truth))


def _difference(ours: _Judged, theirs: _Judged) -> tuple[float, float]:
    """Of the scores, crop by crop, and its standard error."""
    difference = np.subtract(ours.scores, theirs.scores)
    return float(difference.mean()), float(difference.std(ddof=1) / len(difference) ** 0.5)


def _timed(name: str, images: Recordings, fields: dict[str, Any]) -> Learned:
    with metered() as meter:
        return learned(
            f"cost-{name}",
            images.recorded[:, 0].numpy(),
            images.model,
            fields,
            minutes=None,
            meter=meter,
        )


def _rows(name: str, one: Learned, fields: dict[str, Any]) -> list[tuple[object, ...]]:
    """The E-step, the M-step and the judgement; means over the rounds after the start."""
    rounds = max(len(one.scores) - 1, 1)
    words = {"e-step": "E-step", "m-step": "M-step", "score": "judging"}
    rows: list[tuple[object, ...]] = []
    for phase, word in words.items():
        seconds, passes = one.phases.get(phase, 0.0) / rounds, one.passes.get(phase, 0.0) / rounds
        crops = _drawn(one, fields) if phase == "e-step" else 0.0
        outside = 1 - one.network.get(phase, 0.0) / max(one.phases.get(phase, 0.0), 1e-9)
        rows.append(
            (
                f"{name}: {word}",
                f"{seconds:.1f}",
                f"{passes:.0f}",
                f"{crops:.0f}" if crops else "",
                f"{1000 * seconds / crops:.0f}" if crops else "",
                f"{100 * outside:.0f} %",
            )
        )
    return rows


def _drawn(one: Learned, fields: dict[str, Any]) -> float:
    """Crops of a round, the mean over all; whole batches of them."""
    recipe = Recipe(stacks=("any",), model=ImagingModel(noise=GaussianNoise(sigma=1.0)), **fields)
    batches = math.ceil(one.crops / E_BATCH)
    each = [max(math.ceil(recipe.share(n) * batches), 1) for n in range(1, recipe.rounds + 1)]
    return min(E_BATCH, one.crops) * sum(each) / len(each)


def _per_crop(one: Learned, fields: dict[str, Any]) -> float:
    """Seconds of the E-step for a crop."""
    rounds = max(len(one.scores) - 1, 1)
    return one.phases["e-step"] / rounds / _drawn(one, fields)


def _sum(book: dict[str, float]) -> float:
    """Over the E-steps and M-steps of the rounds after the start."""
    return book["e-step"] + book["m-step"]


def _met(met: bool) -> str:
    return "yes" if met else "NO"
