"""The poster's table: SDEdit, Score-ALD, DPS and our default with one prior, and with a prior for other images."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from emdiff_app.benchmarks._common.data import crops_of
from emdiff_app.benchmarks._common.drawing import bars
from emdiff_app.benchmarks._common.kept import digest, kept_or_again, program
from emdiff_app.benchmarks._common.report import Report
from emdiff_app.benchmarks._common.rows_files import write_csv
from emdiff_app.benchmarks._learning.runs import say
from emdiff_app.benchmarks._sampling.clean_prior import clean_prior
from emdiff_app.benchmarks._sampling.one_sampler import (
    CAMERA,
    MARGIN,
    Problem,
    measured,
    problems_for,
)
from emdiff_app.diffusion import LearnedPrior
from emdiff_app.physics import ImagingModel

from .published import Asked

__all__ = ["POSTER", "samplers"]

POSTER = {"sdedit": "SDEdit", "score-ald": "Score-ALD", "dps": "DPS", "auto": "EMDiff (ours)"}
PROBLEMS = {"blur": "deconvolution", "missing": "inpainting"}
PUBLISHED = {
    ("blur", "sdedit"): (20.28, 0.209),
    ("blur", "score-ald"): (22.19, 0.161),
    ("blur", "dps"): (28.67, 0.063),
    ("missing", "sdedit"): (21.04, 0.183),
    ("missing", "score-ald"): (28.01, 0.059),
    ("missing", "dps"): (34.73, 0.027),
}
"""PSNR and LPIPS."""
SIDE, CROPS, CLEAN_STEPS = 32, 2000, 3000
Row = dict[str, Any]


def samplers(report: Report, asked: Asked) -> None:
    """One table for both problems."""
    size = asked.size
    report.text(
        "# Samplers with one clean prior\n\nMitochondria, blurred (FWHM 3.5 pixels, noise of 2 %) or with 60 % of the "
        f"pixels missing. A small prior (tiny, {CLEAN_STEPS} steps) trained on clean mitochondria, and one trained on "
        f"nuclei (out of distribution). {size.scored} unseen images, one sample of each; of ours the mean of "
        f"{size.samples} as well, which is what a restoration gives. Every sampler has the steps that it was published "
        "with. *Published* is the poster's, on photographs of another size: only the order can be compared; there DPS "
        "took 3 times as long as Score-ALD and 6 times as long as SDEdit, and a prior in and out of distribution gave "
        "32.5 and 27.6 dB."
    )
    rows = [row for problem in _problems(asked) for row in _rows(asked, problem)]
    if not rows:
        return
    slow = {row["problem"]: row["seconds"] for row in rows if row["sampler"] == "dps"}
    table = []
    for row in rows:
        published = PUBLISHED.get((row["problem"], row["sampler"]))
        perceptual = row["lpips"] if isinstance(row["lpips"], float) else "-"
        faster = slow[row["problem"]] / row["seconds"] if row["problem"] in slow else None
        table.append(
            [
                PROBLEMS[row["problem"]],
                row["title"],
                f"{row['psnr']:.2f}",
                f"{row['ssim']:.3f}",
                perceptual,
                f"{row['foreign_psnr']:.2f}",
                float(row["seconds"]),
                "-" if faster is None else f"{faster:.1f}",
                "-" if published is None else f"{published[0]:g} / {published[1]:g}",
            ]
        )
    headers = ["problem", "sampler", "PSNR", "SSIM", "LPIPS", "PSNR, prior of other images", "s for an image"]
    report.table([*headers, "times faster than DPS", "published PSNR / LPIPS"], table)
    report.text(" ".join(sentence for problem in PROBLEMS for sentence in _said(rows, problem)))
    write_csv(report.out / "tables-samplers.csv", [_flat(row, size.name) for row in rows])
    values = {
        f"{row['title']}, {PROBLEMS[row['problem']]}": (row["psnr"], row["foreign_psnr"]) for row in rows
    }
    path = report.picture("tables-samplers.png", "PSNR of every sampler with both priors")
    bars(path, "Samplers", values, ("prior of such images", "prior of other images"), "dB")


def _said(rows: Sequence[Row], problem: str) -> Iterator[str]:
    """Who is closest, and what a reader would wonder about."""
    here = [row for row in rows if row["problem"] == problem]
    ours = [row for row in here if row["sampler"] == "auto"]
    others = [row for row in here if row["sampler"] != "auto"]
    if not ours or not others:
        return
    rival = max(others, key=lambda row: float(row["psnr"]))
    each = ", ".join(f"{row['title']}: {row['psnr'] - rival['psnr']:+.2f} dB" for row in ours)
    yield f"{PROBLEMS[problem].capitalize()}, beside the best of the others ({rival['title']}): {each}."
    one, mean = ours[0], ours[-1]
    if one["foreign_psnr"] > one["psnr"] and mean["foreign_psnr"] < mean["psnr"]:
        yield (
            "One sample from the prior of other images is closer, their mean is farther: those images are smoother, so "
            "its samples say less of what is not known."
        )


def _problems(asked: Asked) -> list[Problem]:
    folder = asked.data / "live_mito_u16"
    truth = crops_of(folder, SIDE + 2 * MARGIN, asked.size.scored, unseen=True, seed=5)
    return [p for p in problems_for(torch.from_numpy(truth)) if p.name in PROBLEMS]


def _rows(asked: Asked, problem: Problem) -> list[Row]:
    found = []
    for name in POSTER:
        for samples in (1, asked.size.samples) if name == "auto" else (1,):
            if (row := _row(asked, problem, name, samples)) is not None:
                found.append(row)
    return found


def _row(asked: Asked, problem: Problem, name: str, samples: int) -> Row | None:
    settings = [name, samples, CLEAN_STEPS, CROPS, SIDE, str(asked.weights)]
    content = digest(problem.truth, problem.recorded, settings, program("physics", "diffusion", "posterior"))

    def compute() -> Row:
        say(f"{PROBLEMS[problem.name]}: {POSTER[name]}")
        own = measured(_prior(asked, "mito", "live_mito_u16"), problem, name, samples, weights=asked.weights)
        foreign = measured(_prior(asked, "nuclei", "dsb2018_nuclei"), problem, name, samples)
        return {"own": dataclasses.asdict(own), "foreign": dataclasses.asdict(foreign)}

    made = kept_or_again("tables-sampler", content, compute, wanted=asked.wants(name), again=asked.again)
    if made is None:
        return None
    kind = "one" if samples == 1 else "mean"
    words = "" if name != "auto" else ", one sample" if samples == 1 else f", mean of {samples}"
    own = made["own"]
    return {
        "problem": problem.name,
        "sampler": name,
        "title": POSTER[name] + words,
        "psnr": own[kind],
        "ssim": own[f"{kind}_ssim"],
        "patches": own["patches"],
        "lpips": own["lpips"],
        "fid": own["fid"],
        "chi2": own["chi2"],
        "foreign_psnr": made["foreign"][kind],
        "foreign_ssim": made["foreign"][f"{kind}_ssim"],
        "seconds": own["seconds"] * samples,
        "evaluations": own["evaluations"],
        "gradients": own["gradients"],
    }


def _prior(asked: Asked, name: str, folder: str) -> LearnedPrior:
    crops = crops_of(asked.data / folder, SIDE, CROPS, unseen=False)
    noise = ImagingModel.model_validate({"noise": CAMERA}).noise.parameters()
    return clean_prior(name, crops, size="tiny", steps=CLEAN_STEPS, say=say, noise=noise)


def _flat(row: Row, size: str) -> Row:
    command = f"emdiff bench tables samplers {size} row={row['sampler']} again"
    return {**row, "seed": 7, "command": command}
