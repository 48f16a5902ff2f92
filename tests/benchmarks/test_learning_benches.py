"""The learning benchmarks in miniature: tables complete, results kept, nothing measured twice, words understood."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from emdiff_app.baselines import method
from emdiff_app.benchmarks import learn_cost, learn_deblur, learn_denoise, learn_fewer, learn_inpaint
from emdiff_app.benchmarks._common import kept
from emdiff_app.benchmarks._common.rows_files import with_earlier, write_csv
from emdiff_app.benchmarks._common.words import Words
from emdiff_app.benchmarks._learning import frames, nuclei, recipes
from emdiff_app.benchmarks._learning import runs as learning_runs
from emdiff_app.benchmarks._learning.network_meter import metered
from emdiff_app.benchmarks._sampling import clean_prior
from emdiff_app.cli import main
from emdiff_app.diffusion import LearnedPrior
from emdiff_app.errors import EMDiffError

TINY = {
    "size": "tiny",
    "rounds": 1,
    "crops": 8,
    "crop": 32,
    "held_out": 2,
    "first_steps": 3,
    "hidden_steps": 3,
    "neighbour_steps": 3,
    "denoising_steps": 3,
    "steps": 3,
    "sampler_steps": 2,
    "gaussian_rounds": 1,
    "batch": 4,
}


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Everything in seconds, and kept in a folder of its own."""
    monkeypatch.setattr(kept, "bench_folder", lambda: tmp_path / "cache")
    for room in (learning_runs, clean_prior):
        monkeypatch.setattr(room, "bench_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(learning_runs, "SAMPLES", 2)
    monkeypatch.setattr(learning_runs, "STEPS", 2)
    return tmp_path


def page_of(capsys, *words):
    code = main(["bench", *words, "--json"])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return json.loads(captured.out)["markdown"], captured.err


def test_deblurring_compares_with_every_classical_method(small, monkeypatch, shared_data, capsys):
    monkeypatch.setattr(nuclei, "SIDE", 32)
    monkeypatch.setattr(learn_deblur, "SCORED", 2)
    monkeypatch.setattr(learn_deblur, "IMAGES", 12)
    monkeypatch.setattr(learn_deblur, "DEBLUR", TINY)
    monkeypatch.setattr(learn_deblur, "CLEAN_STEPS", 2)
    monkeypatch.setattr(learn_deblur, "CLEAN_SIDE", 16)
    for name, parameter in (("tv", "weight"), ("richardson-lucy-tv", "iterations")):
        known = method(name).parameters
        monkeypatch.setitem(known, parameter, replace(known[parameter], tries=known[parameter].tries[1:3]))
    words = ("learn-deblur", "gaussian", "2min", str(shared_data))
    page, told = page_of(capsys, *words)
    for title in (
        "as recorded",
        "of scikit-image",
        "total-variation",
        "Gaussian EM",
        "true spectrum",
        "one sample",
        "taught with the clean images",
    ):
        assert title in page
    assert len(re.findall(r"\| (yes|NO) \|", page)) == 3
    assert "found the run" not in told
    again, told = page_of(capsys, *words)
    assert "found the run" in told
    assert again.splitlines()[4:] == page.splitlines()[4:]


def test_few_images_and_many_stand_in_one_table_with_the_same_minutes(
    small, monkeypatch, shared_data, capsys
):
    monkeypatch.setattr(nuclei, "SIDE", 32)
    monkeypatch.setattr(learn_fewer, "SIDE", 32)
    monkeypatch.setattr(learn_fewer, "SCORED", 2)
    monkeypatch.setattr(learn_fewer, "DEBLUR", TINY)
    known = method("tv").parameters
    monkeypatch.setitem(known, "weight", replace(known["weight"], tries=known["weight"].tries[1:3]))
    page, _ = page_of(capsys, "learn-fewer", "10", "12", "2min", str(shared_data))
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")][2:]
    assert [row[0] for row in rows] == ["0", "10", "12"]
    assert all(0 < float(row[3]) < 60 for row in rows)
    assert "in 2 minutes" in page


def test_denoising_scores_what_is_asked_for_in_one_table(small, monkeypatch, shared_data, capsys):
    monkeypatch.setattr(learn_denoise, "DENOISE", TINY)
    monkeypatch.setattr(frames, "TEACHING", 3)
    monkeypatch.setattr(frames, "SCORED", 2)
    monkeypatch.setattr(learn_denoise, "PART", 48)
    monkeypatch.setattr(frames, "_planes", corners(frames._planes, 96))
    few = {"blur": ("gaussian-blur", {}), "bm3d": ("bm3d", {"nonsense": 1})}
    monkeypatch.setattr(learn_denoise, "CLASSICAL", few)

    def other_library(train, test, minutes, threads):
        assert (train.shape, minutes) == ((3, 96, 96), [2])
        return [(0.5 * test.astype(np.float32) + 7, "made up")]

    monkeypatch.setattr(learn_denoise, "noise2void", other_library)
    out = "--out", str(small / "pages")
    first, _ = page_of(capsys, "learn-denoise", "classical", "noise2void", "2", str(shared_data), *out)
    assert "EMDiff, 2 minutes" not in first
    page, _ = page_of(capsys, "learn-denoise", "ours", "2", str(shared_data), *out)
    # What the command before has made is there as well, in the order of one command.
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    scores = {row[0]: row[1] for row in rows}
    assert float(scores["blur"]) > float(scores["as recorded"]) + 5
    # Gain and offset do not count.
    assert scores["Noise2Void (CAREamics), 2 minutes"] == scores["as recorded"]
    # A method that cannot run leaves its row and a reason, but no result.
    assert "| bm3d | - |" in first
    assert "nonsense" in first
    assert "bm3d" not in scores
    order = [title for title in scores if title.startswith(("blur", "Noise2Void", "EMDiff"))]
    assert order[:3] == ["blur", "Noise2Void (CAREamics), 2 minutes", "EMDiff, 2 minutes, one sample"]
    assert {"EMDiff, 2 minutes, one sample", "EMDiff, 2 minutes, its estimate"} <= set(scores)


def test_a_table_that_grows_keeps_results_and_drops_those_of_other_images(tmp_path):
    def row(title, psnr, made="2026-01-02"):
        return {"title": title, "psnr": psnr, "ssim": 0.5, "words": "", "made": made}

    file = tmp_path / "rows.csv"
    assert with_earlier(file, [row("a", 1.0)], "these") == [row("a", 1.0)]
    write_csv(file, [{**row("a", 1.0), "about": "these"}, {**row("b", 2.0), "about": "these"}])
    newer = [row("a", None), row("b", 3.0, "2026-02-03"), row("c", None)]
    assert with_earlier(file, newer, "these") == [row("a", 1.0), row("b", 3.0, "2026-02-03"), row("c", None)]
    assert with_earlier(file, newer, "others") == newer
    file.write_text("title,psnr\na,rubbish\n")
    assert with_earlier(file, newer, "these") == newer


def corners(planes, side):
    return lambda paths: planes(paths)[:, :side, :side].copy()


def test_inpainting_learns_from_photographs_with_masks_of_their_own(small, monkeypatch, shared_data, capsys):
    monkeypatch.setattr(learn_inpaint, "INPAINT", {**TINY, "crop": 32})
    monkeypatch.setattr(learn_inpaint, "COUNTS", {"cpu": 12})
    monkeypatch.setattr(learn_inpaint, "SCORED", 3)
    monkeypatch.setattr(learn_inpaint, "SAMPLES", 2)
    monkeypatch.setattr(learn_inpaint, "CLEAN_STEPS", 2)
    page, _ = page_of(capsys, "learn-inpaint", "75%", "1min", str(shared_data))
    assert "60 % missing" not in page
    for title in ("biharmonic", "Gaussian prior (EM), mean", "EMDiff, one sample", "EMDiff, mean of samples"):
        assert re.search(rf"\| {re.escape(title)} \| -?\d+\.\d\d \|", page), title
    assert "Below the ceiling" in page


def test_each_photograph_has_its_own_mask_and_nothing_leaks_through_it():
    photos = torch.rand(40, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    masked = learn_inpaint.Masked.of(photos, 0.75, 1)
    assert abs(float(masked.seen.float().mean()) - 0.25) < 0.02
    assert not torch.equal(masked.seen[0], masked.seen[1])
    assert torch.equal(torch.isfinite(masked.recorded), masked.seen.expand_as(photos))


def test_the_cost_of_a_round_is_told_beside_the_published_algorithm(small, monkeypatch, shared_data, capsys):
    monkeypatch.setattr(nuclei, "SIDE", 32)
    monkeypatch.setattr(learn_cost, "IMAGES", 12)
    monkeypatch.setattr(learn_cost, "UNSEEN", 4)
    published = {**TINY, "sampler": "dps", "sampler_steps": 40, "anchor": "none", "start": "gaussian"}
    monkeypatch.setattr(learn_cost, "OURS", {**TINY, "rounds": 2})
    monkeypatch.setattr(learn_cost, "THEIRS", published)
    page, _ = page_of(capsys, "learn-cost", str(shared_data))
    ratio = re.search(r"EMDiffusion / ours \| (\d+) \|", page)
    assert int(ratio[1]) > 3  # 40 steps with gradients against 2 without
    passes = re.search(r"as published: E-step \| [\d.]+ \| (\d+) \| (\d+) \|", page)
    assert int(passes[1]) == pytest.approx(3 * 40 * int(passes[2]), rel=0.1)
    judged = re.findall(
        r"\| (?:EMDiff|EMDiffusion as published) \| \d+ \| \d+ \| ([\d.-]+) \| ([\d.]+) \| ([\d.]+) \|", page
    )
    scores, pairs, ones = zip(*(map(float, row) for row in judged), strict=True)
    gain = float(re.search(r"standard error\) \| ([+-][\d.]+)", page)[1])
    assert gain == pytest.approx(scores[0] - scores[1], abs=2e-4)
    assert all(
        pair > one for pair, one in zip(pairs, ones, strict=True)
    )  # the mean of two comes nearer the truth


def test_the_meter_counts_what_the_network_is_asked_for():
    prior = LearnedPrior("tiny", 1, 1.0)
    x = torch.zeros(3, 1, 16, 16, requires_grad=True)
    with metered() as meter:
        prior.denoise(x, 0.5).sum().backward()
        with torch.no_grad():
            prior.denoise(x, 0.5)
    assert meter.passes == 3 * 3 + 3
    assert meter.seconds > 0
    prior.denoise(x, 0.5).sum().backward()
    assert meter.passes == 12


def test_results_are_kept_by_content(small):
    calls = []

    def compute():
        calls.append(1)
        return {"psnr": 1.5}

    first = kept.digest(np.arange(3), {"a": 1})
    other = kept.digest(np.arange(3.0), {"a": 1})
    assert first != other
    assert kept.kept("x", first, compute) == kept.kept("x", first, compute) == {"psnr": 1.5}
    assert len(calls) == 1
    kept.kept("x", other, compute)
    assert len(calls) == 2


def test_words_are_understood_in_any_order():
    words = Words(["500", "poisson", "2.5min", "/data", "20", "5min-each", "60%"])
    assert words.among(("gaussian", "poisson")) == ("poisson",)
    assert words.numbers("%") == (60,)
    assert words.numbers() == (500, 20)
    assert words.amount("min", 15.0) == 2.5
    assert words.amount("min-each", 1.0) == 5.0
    assert words.rest() == "/data"
    with pytest.raises(EMDiffError, match="gausian"):
        Words(["gausian", "/data"]).rest()


def test_fewer_nuclei_are_the_first_of_more_and_unseen_ones_are_others(shared_data, monkeypatch):
    more, fewer = (nuclei.nuclei(shared_data, "poisson", n, unseen=False, side=32) for n in (6, 4))
    assert torch.equal(more.first(4).recorded, fewer.recorded)
    unseen = nuclei.nuclei(shared_data, "poisson", 6, unseen=True, side=32)
    assert unseen.truth.shape == unseen.recorded.shape == (6, 1, 32, 32)
    assert not any(torch.equal(a, b) for a in unseen.truth for b in more.truth)


@pytest.mark.parametrize("name", ["DEBLUR", "DENOISE", "INPAINT"])
def test_recipes_are_recipes(name):
    from emdiff_app.learning import Recipe
    from emdiff_app.physics import GaussianNoise, ImagingModel

    model = ImagingModel(noise=GaussianNoise(sigma=0.1))
    Recipe(stacks=("a.tif",), model=model, **getattr(recipes, name))


def test_both_runs_whose_cost_is_compared_learn_from_the_same_crops():
    chosen = ("crop", "crops", "tries", "held_out", "size", "start", "first_steps")
    assert all(learn_cost.OURS[name] == learn_cost.THEIRS[name] for name in chosen)
