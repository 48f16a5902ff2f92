"""`emdiff bench samplers` in miniature: every table and sentence, from networks that have learned nothing."""

import dataclasses
import math
import re

import numpy as np
import pytest
import torch

from emdiff_app import posterior
from emdiff_app.benchmarks import Report, samplers
from emdiff_app.benchmarks._sampling import one_sampler as sampling
from emdiff_app.benchmarks._sampling.one_sampler import Outcome
from emdiff_app.benchmarks._sampling.verdict import Comparison, in_short
from emdiff_app.diffusion import Architecture, LearnedPrior
from emdiff_app.errors import EMDiffError

SIDE = 28


def untrained(name, images, *, size, steps, say, noise=None):
    torch.manual_seed(0)
    prior = LearnedPrior(size, images.shape[1], 0.25, 0.5, architecture=Architecture((4, 8), (1, 1), (1,)))
    prior.takes_maps = noise is not None
    return prior.eval().requires_grad_(False)


@pytest.fixture
def miniature(monkeypatch, tmp_path):
    """The whole benchmark with two images of 28 pixels, two samples and three steps."""

    def smooth(count, channels, side):
        rng = np.random.default_rng(0)
        return rng.random((count, channels, side, side), np.float32) * 0.2 + 0.4

    get = posterior.get
    monkeypatch.setattr(sampling.posterior, "get", lambda name: dataclasses.replace(get(name), steps=3))
    monkeypatch.setattr(samplers, "clean_prior", untrained)
    monkeypatch.setattr(samplers, "data_folder", lambda needed, named=None: tmp_path)
    monkeypatch.setattr(samplers, "crops_of", lambda folder, side, count, **_: smooth(2, 1, side))
    monkeypatch.setattr(samplers, "cifar", lambda folder, **_: smooth(2, 3, SIDE))
    for name, value in {"SAMPLES": 2, "IMAGES": 2, "SIDE": SIDE}.items():
        monkeypatch.setattr(samplers, name, value)
    return tmp_path


def tables(page):
    """Every table: its header and its rows, cell by cell."""
    found = []
    for part in page.split("\n\n"):
        if part.startswith("| "):
            lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines()]
            found.append((lines[0], [line for line in lines[2:] if line != [""]]))
    return found


def test_it_measures_every_sampler_on_every_problem_and_says_so_first(miniature):
    report = Report("samplers", miniature)
    samplers.run(report)
    page = report.markdown()
    made = tables(page)
    assert len(made) == 7  # two kinds of image with three problems each, and the poster's
    for header, rows in made[:6]:
        named = {row[0].split(" ")[0].strip("*,") for row in rows}
        assert {
            "auto",
            "spectral",
            "dps",
            "mmps",
            "diffpir",
            "gibbs",
            "pigdm",
            "sdedit",
            "score-ald",
        } <= named
        assert all(len(row) == len(header) for row in rows)
        by_mean = [float(row[header.index("mean of 2: PSNR")]) for row in rows]
        assert by_mean == sorted(by_mean, reverse=True)
        default = next(row for row in rows if "auto" in row[0])
        assert re.fullmatch(r"\d+ \+ 0", default[header.index("cost")])  # no gradients
    assert "auto** (from-noise)" in page
    assert "auto** (spectral)" in page
    assert page.index("**In short**") < page.index("# Mitochondria")
    assert page.count("the default (") == 6
    assert page.count("| one look |") == 2
    assert page.count("with zeta 0.3") == 6
    assert "LPIPS not measured: " in page or "LPIPS" in made[0][0]
    assert {row[1] for row in made[6][1]} == {"sdedit", "score-ald", "dps", "auto"}


def test_one_part_alone_measures_nothing_else(miniature):
    report = Report("samplers", miniature, ("cifar",))
    samplers.run(report)
    page = report.markdown()
    assert "# CIFAR-10" in page
    assert "Mitochondria" not in page
    assert "poster" not in page


def test_perceptual_figures_get_columns_where_they_are_measured(miniature, monkeypatch):
    monkeypatch.setattr(sampling.perceptual, "lpips", lambda made, truth, weights: 0.125)
    report = Report("samplers", miniature, ("cifar",))
    samplers.run(report)
    header, rows = tables(report.markdown())[0]
    assert all(row[header.index("LPIPS")] == "0.125" for row in rows)
    assert "FID" not in header
    assert "FID not measured: " in report.markdown()


def test_words_that_mean_nothing_are_refused(miniature):
    for words in (["here", "there"], ["weights=/no/such/folder"]):
        with pytest.raises(EMDiffError, match="nothing was measured"):
            samplers.Asked.of(words)
    asked = samplers.Asked.of([f"weights={miniature}", "poster"])
    assert (asked.parts, asked.weights) == (["poster"], miniature)


def outcome(sampler, one, mean, covered, seconds):
    return Outcome(sampler, sampler, one, 0.9, mean, 0.9, 0.01, 1.0, covered, 24, 0, seconds)


def test_the_sentences_follow_from_the_figures():
    dps = outcome("dps", 24.0, 25.0, 0.5, 10.0)
    published = outcome("dps", 22.5, 24.0, 0.5, 10.0)
    better = Comparison("A", outcome("auto", 24.5, 26.0, 0.9, 0.1), dps, 8, published)
    assert (
        "1.0 dB better than DPS in the mean of 8 samples and 0.5 dB better in one, 100 times"
        in better.sentence
    )
    assert "90 % of the pixels, those of DPS in 50 %." in better.sentence
    assert "differ too little" not in better.sentence
    nearer = Comparison("B", outcome("auto", 23.5, 24.8, 0.9, 0.2), dps, 8, dps)
    assert "0.2 dB worse than DPS in the mean" in nearer.sentence
    assert "differ too little" in nearer.sentence
    unsure = Comparison("C", outcome("auto", 23.5, 25.5, 0.3, 0.2), dps, 8, dps)
    assert "differ too little" not in unsure.sentence  # its own intervals are no better
    look = outcome("one look", 26.5, 26.5, math.nan, 0.01)
    said = in_short([better, dataclasses.replace(nearer, look=look)])
    assert (
        "closer than one sample of that DPS in 2 of 2 problems (+2.0 to +2.5 dB), 12 to 1000 times faster"
        in said
    )
    assert "than that of DPS as published in 1 of 2 problems (-0.2 to +2.0 dB)" in said
    assert "chosen by the truth, in 1 of 2 problems (-0.2 to +1.0 dB)" in said
    assert "than one of DPS as published in 1 of 2 problems (-0.5 to +2.0 dB)" in said
    assert "best step size in 1 of 2 problems (-0.5 to +0.5 dB)" in said
    assert "50 to 100 times faster" in said


def test_one_sample_has_no_intervals(miniature):
    problem = sampling.problems_for(samplers._mito_images(miniature))[1]
    prior = untrained("", np.zeros((1, 1, 4, 4)), size="tiny", steps=1, say=print)
    found = sampling.measured(prior, problem, "diffpir", 1)
    assert math.isnan(found.covered)
    assert found.evaluations == 3
    assert found.one == found.mean
