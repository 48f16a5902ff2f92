"""Every sampler on the same held-out images with the same clean prior: quality, calibration, cost.

`emdiff bench samplers [mito|cifar|poster ...] [DATA] [weights=FOLDER]`; without a word, all of them.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from emdiff_app import posterior
from emdiff_app.diffusion import LearnedPrior
from emdiff_app.errors import EMDiffError
from emdiff_app.physics import ImagingModel
from emdiff_app.posterior.covariance import uncertainty_of

from ._common.data import cifar, crops_of, data_folder
from ._common.metrics import mean_psnr, mean_ssim
from ._common.report import Report
from ._sampling.clean_prior import clean_prior
from ._sampling.one_sampler import CAMERA, MARGIN, Outcome, Problem, looked, measured, problems_for
from ._sampling.verdict import Comparison, in_short

__all__ = ["Asked", "run"]

SAMPLES, IMAGES, SIDE = 8, 4, 32
SIZE, STEPS = "tiny", 3000
PUBLISHED_ZETA = 1.0
ZETAS = (0.1, 0.3, PUBLISHED_ZETA)
"""Step sizes of DPS."""
PARTS = ("mito", "cifar", "poster")
POSTER = ("sdedit", "score-ald", "dps", "auto")
SINGLY = "auto, not in pairs"
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
class Asked:
    """What the words of the command ask for."""

    parts: Sequence[str]
    data: Path
    weights: Path | None

    @classmethod
    def of(cls, words: Sequence[str]) -> Asked:
        named = [Path(word.partition("=")[2]).expanduser() for word in words if word.startswith("weights=")]
        others = [word for word in words if not word.startswith("weights=")]
        folders = [word for word in others if word not in PARTS]
        if len(folders) > 1 or len(named) > 1:
            raise EMDiffError(
                f"Name parts ({', '.join(PARTS)}), at most one data folder, and at most one folder of weights as "
                "weights=FOLDER; nothing was measured."
            )
        if named and not named[0].is_dir():
            raise EMDiffError(f"There is no folder {named[0]} of weights; nothing was measured.")
        data = data_folder(("live_mito_u16", "cifar10", "dsb2018_nuclei"), folders[0] if folders else None)
        return cls([word for word in others if word in PARTS] or PARTS, data, named[0] if named else None)


def run(report: Report) -> None:
    """Tables for the parts that were named, and first of all what they say."""
    asked = Asked.of(report.arguments)
    first = len(report.parts)
    report.text(
        f"One small prior ({SIZE}) for each kind of image, trained on clean ones ({STEPS} steps), so that samplers are "
        f"compared and not learning. {IMAGES} held-out images, {SAMPLES} samples of each; every sampler with the "
        "number of steps that it was published or is meant with, from the same recorded images. *One* is the mean "
        "over single samples. *Covered*: how often the truth lies in the 90 % interval of the samples; 90 % is right. "
        "*Patches*: sliced Wasserstein distance of 7 x 7 patches. *Cost*: evaluations of the network + passes back "
        "through it. All but DPS draw in pairs, the second of each with the noise of the first turned round, as "
        "restorations do; DPS as it was published. Cost and seconds are for one sample of one image; the whole "
        "batch is divided by its size, and of a short one the fastest of three counts. *One look*: the denoiser's "
        "answer to the recorded image, the clean estimate where only noise was added."
    )
    compared: list[Comparison] = []
    if "mito" in asked.parts:
        compared += _tables(
            report, "Mitochondria", _mito(asked.data), _mito_images(asked.data), asked.weights
        )
    if "cifar" in asked.parts:
        compared += _tables(report, "CIFAR-10", _cifar(asked.data), _cifar_images(asked.data), asked.weights)
    if compared:
        said = {name: getattr(compared[0].default, name) for name in ("lpips", "fid")}
        unmeasured = [f"{name.upper()} {why}." for name, why in said.items() if isinstance(why, str)]
        report.parts.insert(first + 1, " ".join(unmeasured) or "LPIPS is of single samples.")
        report.parts.insert(first, "\n- ".join([in_short(compared) + "\n", *(c.sentence for c in compared)]))
    if "poster" in asked.parts:
        _poster(report, asked.data)


def _tables(
    report: Report, title: str, prior: LearnedPrior, truth: Tensor, weights: Path | None
) -> list[Comparison]:
    began = time.perf_counter()
    uncertainty_of(prior)  # measured once for a prior, then remembered
    report.text(
        f"# {title}\n\nMeasuring the prior's own uncertainty, once for a prior: "
        f"{time.perf_counter() - began:.1f} s."
    )
    compared = []
    for problem in problems_for(truth):
        report.text(
            f"## {title}: {problem.name}\n\nRecorded: PSNR {mean_psnr(problem.recorded, problem.truth):.2f}, "
            f"SSIM {mean_ssim(problem.recorded, problem.truth):.3f}, as it is."
        )
        trials = {zeta: measured(prior, problem, "dps", 1, options={"zeta": zeta}).one for zeta in ZETAS}
        zeta = max(trials, key=trials.__getitem__)
        dps, published = (
            measured(prior, problem, "dps", SAMPLES, options={"zeta": z}, weights=weights, pairs=False)
            for z in (zeta, PUBLISHED_ZETA)
        )
        paired = measured(prior, problem, "dps", SAMPLES, options={"zeta": zeta})
        look = looked(prior, problem, weights)
        others = [measured(prior, problem, name, SAMPLES, weights=weights) for name in _names(prior, problem)]
        singly = replace(measured(prior, problem, "auto", SAMPLES, pairs=False), sampler=SINGLY)
        _table(report, [dps, *others, singly, *([look] if look else [])], dps.seconds)
        tried = ", ".join(f"{one:.2f} dB with zeta {zeta:g}" for zeta, one in trials.items())
        report.text(
            f"DPS stands here with the step size that suits it best; one sample of it: {tried} (1 is published; the "
            f"mean of {SAMPLES} is {published.mean:.2f} dB with that one). In pairs the mean of {SAMPLES} of DPS in "
            f"the table would be {paired.mean:.2f} dB."
        )
        default = next(o for o in others if o.sampler == "auto")
        compared.append(Comparison(f"{title}, {problem.name}", default, dps, SAMPLES, published, look))
        _say(compared[-1].sentence)
    return compared


def _names(prior: LearnedPrior, problem: Problem) -> list[str]:
    """The samplers beside DPS; from-noise answers only where noise is all there is."""
    fits = posterior.from_noise.fits(problem.imaging, prior)
    return [name for name in posterior.names() if name != "dps" and (name != "from-noise" or fits)]


def _table(report: Report, made: Sequence[Outcome], slow: float) -> None:
    words = ["sampler", "one: PSNR", "SSIM", f"mean of {SAMPLES}: PSNR", "SSIM", "patches"]
    perceptual = [name for name in ("lpips", "fid") if not isinstance(getattr(made[0], name), str)]
    rows: list[list[object]] = []
    for o in sorted(made, key=lambda o: -o.mean):
        name = f"**auto** ({o.chosen})" if o.sampler == "auto" else o.sampler
        covered = "-" if math.isnan(o.covered) else f"{100 * o.covered:.0f} %"
        rows.append(
            [
                name,
                f"{o.one:.2f}",
                f"{o.one_ssim:.3f}",
                f"{o.mean:.2f}",
                f"{o.mean_ssim:.3f}",
                f"{o.patches:.4f}",
                *(f"{getattr(o, name):.3f}" for name in perceptual),
                f"{o.chi2:.2f}",
                covered,
                f"{o.evaluations} + {o.gradients}",
                o.seconds,
                f"{slow / o.seconds:.1f}",
            ]
        )
    headers = [*words, *(name.upper() for name in perceptual), "chi2", "covered", "cost", "s"]
    report.table([*headers, "times faster than dps"], rows)


def _poster(report: Report, data: Path) -> None:
    """SDEdit, Score-ALD and DPS with a prior for these images and one for others."""
    own, foreign = _mito(data), _prior("nuclei", data / "dsb2018_nuclei")
    report.text(
        "## The poster's comparison\n\nMitochondria with a prior learned on mitochondria, and on nuclei (out of "
        "distribution); PSNR of one sample. *Published* is on photographs of another size, for the order alone; its "
        "run times are DPS = 3 x Score-ALD = 6 x SDEdit, and its PSNR of a prior in and out of distribution 32.5 and "
        "27.6."
    )
    rows: list[list[object]] = []
    for problem in problems_for(_mito_images(data))[1:]:
        _say(f"poster: {problem.name}")
        outcomes = {name: measured(own, problem, name, 1) for name in POSTER}
        for name, outcome in outcomes.items():
            rows.append(
                [
                    problem.name,
                    name,
                    f"{outcome.one:.2f}",
                    f"{measured(foreign, problem, name, 1).one:.2f}",
                    PUBLISHED.get((problem.name, name), "-"),
                    outcome.seconds,
                    f"{outcomes['dps'].seconds / outcome.seconds:.1f}",
                ]
            )
    headers = [
        "problem",
        "sampler",
        "own prior",
        "foreign prior",
        "published",
        "s",
        "dps takes so many times as long",
    ]
    report.table(headers, rows)


def _mito(data: Path) -> LearnedPrior:
    return _prior("mito", data / "live_mito_u16")


def _mito_images(data: Path) -> Tensor:
    return torch.from_numpy(crops_of(data / "live_mito_u16", SIDE + 2 * MARGIN, IMAGES, unseen=True, seed=5))


def _cifar(data: Path) -> LearnedPrior:
    photos = cifar(data / "cifar10", unseen=False)
    return clean_prior("cifar10", photos, size=SIZE, steps=STEPS, say=_say)


def _cifar_images(data: Path) -> Tensor:
    """Photos are small: what lies beyond their border is their mirror image."""
    photos = torch.from_numpy(cifar(data / "cifar10", unseen=True)[:IMAGES])
    return functional.pad(photos, (MARGIN,) * 4, mode="reflect")


def _prior(name: str, folder: Path) -> LearnedPrior:
    crops = crops_of(folder, SIDE, 2000, unseen=False)
    noise = ImagingModel.model_validate({"noise": CAMERA}).noise.parameters()
    return clean_prior(name, crops, size=SIZE, steps=STEPS, say=_say, noise=noise)


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
