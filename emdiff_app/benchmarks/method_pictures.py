"""The pictures of docs/method.md, made anew: how rounds go, how fast, and what goes wrong with means.

`emdiff bench method-pictures [speed|collapse|rounds ...] [3min] --out docs/pictures`; all images are synthetic.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emdiff_app.diffusion import GaussianPrior
from emdiff_app.images import save_stack, stack_from_array
from emdiff_app.learning import PRESETS, Recipe, RunFolder, learn
from emdiff_app.learning import events as e
from emdiff_app.physics import ImagingModel
from emdiff_app.physics.example import draw_cells
from emdiff_app.physics.random import generator_of
from emdiff_app.posterior.pairs import in_pairs, variance_of
from emdiff_app.priors import read_prior

from ._common.drawing import grid, lines
from ._common.metrics import mean_psnr
from ._common.report import Report
from ._common.words import Words
from ._learning.runs import draw, say

__all__ = ["run"]

SIDE, IMAGES, SHOWN, SAMPLES = 64, 24, 3, 8
FIELD = 160
LOW, HIGH = 5.0, 55.0
"""Grey levels that are shown as black and white."""
TURNS = 12
"""Rounds of the curves."""
MODEL = ImagingModel.model_validate(
    {
        "operator": [{"kind": "blur", "psf": {"kind": "gaussian", "fwhm_px": 4.0}}],
        "noise": {"kind": "gaussian", "sigma": 2.0},
    }
)
"""Of cells whose brightest parts have some 50 photons."""
RECIPE: dict[str, Any] = {**PRESETS["quick"], "caution": 0.3, "patience": 0}


def run(report: Report) -> None:
    """The pictures that were named, or all."""
    words = Words(report.arguments)
    parts = words.among(tuple(PARTS)) or tuple(PARTS)
    minutes = words.amount("min", 3.0)
    words.rest()
    for part in parts:
        PARTS[part](report, minutes)


def _speed(report: Report, minutes: float) -> None:
    """One frequency: `S <- K^2 (S* + s^2) + (1 - K) S`, whose error shrinks by `1 - K^2` a round."""
    series = {}
    for ratio in (10.0, 3.0, 1.0, 0.3):
        powers = spectrum_rounds(ratio, 2.0, spread=1.0)
        series[f"SNR {ratio:g}"] = [(float(n), abs(s - 1)) for n, s in enumerate(powers)]
    path = report.picture("method-speed.png", "How far a frequency's power is from the truth, round by round")
    lines(path, "What remains of the error, starting twice too high", series, ("round", "error of the power"))


def _collapse(report: Report, minutes: float) -> None:
    """The same learned from samples with all of their spread, with some of it, and from means."""
    series = {
        name: [(float(n), s) for n, s in enumerate(spectrum_rounds(ratio, 1.0, spread))]
        for name, ratio, spread in (
            ("samples, any SNR", 1.0, 1.0),
            ("0.8 of their variance, SNR 1", 1.0, 0.8),
            ("means, SNR 1", 1.0, 0.0),
            ("means, SNR 10", 10.0, 0.0),
        )
    }
    path = report.picture("method-collapse.png", "The power that is learned from samples and from means")
    lines(path, "The power of one frequency that is learned; 1 is right", series, ("round", "learned power"))
    grid(
        report.picture(
            "method-means.png", "Images as a Gaussian knows them that learned from samples, or from means"
        ),
        _gaussians(),
        columns=SHOWN,
    )


def spectrum_rounds(ratio: float, start: float, spread: float) -> list[float]:
    """The power of one frequency over the rounds; the truth is 1, and samples have `spread` of their variance."""
    noise, powers = 1 / ratio, [start]
    for _ in range(TURNS):
        s = powers[-1]
        gain = s / (s + noise)
        powers.append(gain**2 * (1 + noise) + spread * (1 - gain) * s)
    return powers


def _gaussians() -> dict[str, NDArray[np.uint8]]:
    """The Gaussian fitted by EM to noisy cells, on samples and on means: what each of them draws."""
    x = _cells(96, seed=1)
    imaging = ImagingModel.model_validate({"noise": {"kind": "gaussian", "sigma": 12.0}}).bind((SIDE, SIDE))
    y = imaging.simulate(x, 2)
    start = GaussianPrior(torch.full((1, SIDE, SIDE), float(y.var())), y.mean((0, 2, 3)))
    found = {"cells": x, "recorded": y}
    for name, kept in (("learned from samples", 1.0), ("learned from means", 0.0)):
        prior, generator = start, generator_of(3)
        for _ in range(TURNS):
            mean = prior.denoise(y, 12.0)
            made = mean + kept * (prior.draw_posterior(imaging, y, generator) - mean)
            power = torch.fft.fft2(made - made.mean(), norm="ortho").abs().square().mean(0)
            prior = GaussianPrior(power.clamp_min(1e-4), made.mean((0, 2, 3)))
        found[name] = prior.draw(SHOWN, generator_of(4))
    return {name: _grey(images[:SHOWN]) for name, images in found.items()}


def _rounds(report: Report, minutes: float) -> None:
    """Learn from blurred, noisy cells, and restore others with the prior of every round."""
    folder = report.out / "method-run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    priors = _learned(folder, minutes)
    imaging = MODEL.bind((SIDE, SIDE))
    wide = _cells(SHOWN, seed=7, side=imaging.domain[0])
    y = imaging.simulate(wide, 8)
    truth = imaging.crop(wide)
    singles: list[tuple[str, NDArray[np.uint8]]] = []
    found = {f"recorded: {mean_psnr(y, truth, HIGH - LOW):.1f} dB": _grey(y)}
    for number, path in priors:
        draws = _restored(path, y)
        name = "the start" if number == 0 else f"round {number}"
        mean = draws.mean(0)
        found[f"mean of {SAMPLES}, {name}: {mean_psnr(mean, truth, HIGH - LOW):.1f} dB"] = _grey(mean)
        singles.append((f"one sample, {name}", _grey(draws[0])))
    found["truth"] = _grey(truth)
    found |= dict((singles[0], singles[-1]))
    found["spread: what stays open"] = _grey(3 * variance_of(draws).sqrt(), low=0.0)
    grid(
        report.picture("method-rounds.png", "Cells, recorded and restored round by round"),
        found,
        columns=SHOWN,
    )
    shutil.rmtree(folder)


def _learned(folder: Path, minutes: float) -> list[tuple[int, Path]]:
    """The prior of the first, the second, the middle and the last round."""
    imaging = MODEL.bind((FIELD, FIELD))
    y = imaging.simulate(_cells(IMAGES, seed=5, side=imaging.domain[0]), 6)
    save_stack(stack_from_array(y[:, 0].numpy(), "TYX", name="recorded"), folder / "recorded.tif")
    recipe = Recipe(stacks=(str(folder / "recorded.tif"),), model=MODEL, time_limit_min=minutes, **RECIPE)
    kept: list[tuple[int, Path]] = []

    def keep(event: Any) -> None:
        prior = folder / "run" / "prior.emprior"
        if isinstance(event, e.Scored):
            say(f"round {event.round}: {event.held_out:.3f}")
        if (
            isinstance(event, e.Progress)
            and event.phase == "e-step"
            and event.round > len(kept)
            and prior.is_file()
        ):
            kept.append((event.round - 1, Path(shutil.copy(prior, folder / f"{event.round - 1}.emprior"))))

    learn(RunFolder.create(folder / "run", recipe), on_event=keep)
    kept.append((len(kept), folder / "run" / "prior.emprior"))
    chosen = sorted({0, 1, len(kept) // 2, len(kept) - 1} & set(range(len(kept))))
    return [kept[number] for number in chosen]


def _restored(path: Path, y: Tensor) -> Tensor:
    """Samples `(K, N, C, Y, X)` on the field, in recorded units."""
    prior, card = read_prior(path)
    imaging = MODEL.bind((SIDE, SIDE), scale=card.scale)
    scaled = card.scale.forward(y)
    draws = [imaging.crop(draw(prior, imaging, scaled, own)) for own in in_pairs(generator_of(0), SAMPLES)]
    made: Tensor = card.scale.inverse(torch.stack(draws))
    return made


def _cells(count: int, seed: int, side: int | None = None) -> Tensor:
    side = side or SIDE
    rng = np.random.default_rng(seed)
    planes = [draw_cells(rng, max(side, 96))[:side, :side] for _ in range(count)]
    return torch.from_numpy(np.stack(planes)[:, None].astype(np.float32))


def _grey(images: Tensor, low: float = LOW, high: float = HIGH) -> NDArray[np.uint8]:
    """The same black and white for all."""
    made: NDArray[np.uint8] = (255 * ((images - low) / (high - low)).clamp(0, 1)).byte().numpy()
    return made


PARTS: dict[str, Callable[[Report, float], None]] = {
    "speed": _speed,
    "collapse": _collapse,
    "rounds": _rounds,
}
