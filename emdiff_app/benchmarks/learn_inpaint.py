"""Photographs learned from pictures most of whose pixels are missing, each with a mask of its own; no clean ones.

`emdiff bench learn-inpaint [60%|75%] [cpu|gpu] [30min] [classical] [ceiling] [ours] [DATA]`; without words: both
shares of missing pixels, 1,000 photographs (`gpu`: all but the unseen ones, for a machine that has one).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from emdiff_app.baselines import restore_images
from emdiff_app.diffusion import GaussianPrior, Prior, fit_gaussian
from emdiff_app.physics import Imaging, ImagingModel
from emdiff_app.physics.random import generator_of
from emdiff_app.posterior.pairs import in_pairs

from ._common.data import cifar, data_folder
from ._common.kept import digest, kept, program
from ._common.metrics import mean_psnr, mean_ssim
from ._common.report import Report
from ._common.words import Words
from ._learning.recipes import INPAINT
from ._learning.runs import draw, estimates, learned, say
from ._sampling.clean_prior import clean_prior

__all__ = ["run"]

SIGMA = 0.01
COUNTS = {"cpu": 1000, "gpu": 4500}
MINUTES = {"cpu": 30.0, "gpu": 25.0}
SCORED = 64
SAMPLES = 8
CLEAN_STEPS = 3000
MISSING = (60, 75)
PARTS = ("classical", "ceiling", "ours")
PUBLISHED = {60: 24.70}
NEAR = 1.5
"""The mean of samples is to come this near, in dB, to that of a prior trained on the clean photographs."""
MODEL: dict[str, Any] = {
    "operator": [{"kind": "mask", "pattern": "array"}],
    "noise": {"kind": "gaussian", "sigma": SIGMA},
}

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Masked:
    """Photographs `(N, 3, 32, 32)`, which of their pixels were recorded, and the recorded ones; NaN elsewhere."""

    truth: Tensor
    seen: Tensor
    recorded: Tensor

    @classmethod
    def of(cls, truth: Tensor, missing: float, seed: int) -> Masked:
        """All colours of a pixel are missing together."""
        random = torch.Generator().manual_seed(seed)
        seen = torch.rand((len(truth), 1, *truth.shape[2:]), generator=random) >= missing
        y = truth + SIGMA * torch.randn(truth.shape, generator=random)
        return cls(truth, seen, torch.where(seen, y, torch.nan))

    @property
    def imaging(self) -> Imaging:
        field = tuple(self.truth.shape[2:])
        return ImagingModel.model_validate(MODEL).bind(field, arrays={"mask": self.seen})


def run(report: Report) -> None:
    """One table for each share of missing pixels."""
    words = Words(report.arguments)
    parts = words.among(PARTS) or PARTS
    size = (*words.among(tuple(COUNTS)), "cpu")[0]
    shares = words.numbers("%") or MISSING
    minutes = words.amount("min", MINUTES[size])
    data = data_folder(("cifar10",), words.rest())
    photos = torch.from_numpy(cifar(data / "cifar10", unseen=False)[: COUNTS[size]])
    unseen = torch.from_numpy(cifar(data / "cifar10", unseen=True)[:SCORED])
    report.text(
        f"CIFAR-10, {len(photos)} photographs to learn from, {len(unseen)} others to score; every photograph has a "
        f"random mask of its own, and noise of {SIGMA:g} of the range. No clean images. Mean PSNR with the range "
        "1, mean SSIM over images and colours. *Published* is for 50,000 photographs, EMDiffusion, one sample."
    )
    for share in shares:
        train = Masked.of(photos, share / 100, 21)
        test = Masked.of(unseen, share / 100, 22)
        rows: list[Row] = []
        if "classical" in parts:
            rows += classical(train, test)
        if "ceiling" in parts:
            rows += _ceiling(train, test)
        if "ours" in parts:
            rows += _ours(train, test, share, minutes)
        report.text(f"## {share} % missing")
        if share in PUBLISHED:
            rows.append(_written("EMDiffusion, one sample, published", PUBLISHED[share]))
        report.table(["", "PSNR", "SSIM", ""], [_cells(row) for row in rows])
        _verdict(report, rows)


def classical(train: Masked, test: Masked) -> list[Row]:
    """What needs no network."""
    content = digest(
        train.seen, test.seen, train.truth, test.truth, MODEL, program("physics", "baselines", "diffusion")
    )
    return list(kept("inpaint-classical", content, lambda: {"rows": _classical(train, test)})["rows"])


def _classical(train: Masked, test: Masked) -> list[Row]:
    zeros = torch.where(test.seen, test.recorded, 0.0)
    prior = gaussian(train)
    draws = _samples(prior, test)
    return [
        _row("as recorded, 0 where missing", zeros, test.truth),
        _row("biharmonic", restore_images("biharmonic", zeros, test.imaging), test.truth),
        _row("Gaussian prior (EM), one sample", draws[0], test.truth),
        _row(
            "Gaussian prior (EM), mean",
            restore_images("wiener", zeros, test.imaging, prior=prior),
            test.truth,
        ),
    ]


def gaussian(train: Masked) -> GaussianPrior:
    """The stationary Gaussian fitted to the masked photographs."""
    parts = [slice(start, start + 100) for start in range(0, len(train.truth), 100)]
    models = [Masked(train.truth[p], train.seen[p], train.recorded[p]).imaging for p in parts]
    return fit_gaussian(
        models, [train.recorded[p] for p in parts], torch.Generator().manual_seed(0), rounds=8
    )


def _ceiling(train: Masked, test: Masked) -> list[Row]:
    """The same network, trained on the clean photographs."""

    def compute() -> dict[str, Any]:
        prior = clean_prior("cifar10", train.truth.numpy(), size=INPAINT["size"], steps=CLEAN_STEPS, say=say)
        draws = _samples(prior, test)
        return {
            "rows": [
                _row("prior trained on clean photographs, one sample", draws[0], test.truth),
                _row("prior trained on clean photographs, mean of samples", draws.mean(0), test.truth),
            ]
        }

    settings = [INPAINT["size"], CLEAN_STEPS, SAMPLES]
    content = digest(
        train.truth, test.truth, test.seen, settings, program("diffusion", "posterior", "physics")
    )
    return list(kept("inpaint-ceiling", content, compute)["rows"])


def _ours(train: Masked, test: Masked, share: int, minutes: float) -> list[Row]:
    recorded = np.moveaxis(train.recorded.numpy(), 1, -1)
    model = ImagingModel.model_validate(MODEL)
    fields = {**INPAINT, "crops": len(train.truth)}
    run = learned(f"inpaint-{share}", recorded, model, fields, minutes=minutes, axes="TYXS")
    made = estimates(run.prior, model, test.recorded, arrays={"mask": test.seen}, samples=SAMPLES)
    return [
        _row("EMDiff, one sample", made.sample, test.truth, run.words),
        _row("EMDiff, mean of samples", made.of_samples, test.truth, f"chi2 {made.chi2:.2f}"),
    ]


def _samples(prior: Prior, test: Masked) -> Tensor:
    each = in_pairs(generator_of(0), SAMPLES)
    return torch.stack([draw(prior, test.imaging, test.recorded, own) for own in each])


def _row(title: str, made: Tensor, truth: Tensor, words: str = "") -> Row:
    return {"title": title, "psnr": mean_psnr(made, truth), "ssim": mean_ssim(made, truth), "words": words}


def _written(title: str, value: float) -> Row:
    return {"title": title, "psnr": value, "ssim": None, "words": ""}


def _cells(row: Row) -> list[str]:
    ssim = "" if row["ssim"] is None else f"{row['ssim']:.3f}"
    return [row["title"], f"{row['psnr']:.2f}", ssim, row["words"]]


def _verdict(report: Report, rows: list[Row]) -> None:
    figures = {row["title"]: row["psnr"] for row in rows}
    ours = figures.get("EMDiff, mean of samples")
    ceiling = figures.get("prior trained on clean photographs, mean of samples")
    if ours is not None and ceiling is not None:
        met = "yes" if ours >= ceiling - NEAR else "NO"
        report.text(f"Below the ceiling: {ceiling - ours:.2f} dB (target: at most {NEAR}): {met}.")
