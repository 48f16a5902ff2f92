"""The learning benchmarks in miniature: tables complete, results kept, nothing measured twice, words understood."""

import json
import re

import numpy as np
import pytest
import torch

from emdiff_app.benchmarks import _kept, _learning_runs, _nuclei, _recipes, learn_deblur
from emdiff_app.benchmarks._words import Words
from emdiff_app.cli import main
from emdiff_app.errors import EMDiffError

TINY = {
    "size": "tiny",
    "rounds": 1,
    "crops": 8,
    "crop": 32,
    "held_out": 2,
    "first_steps": 3,
    "steps": 3,
    "sampler_steps": 2,
    "gaussian_rounds": 1,
    "batch": 4,
}


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Everything in seconds, and kept in a folder of its own."""
    monkeypatch.setattr(_kept, "bench_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(_learning_runs, "bench_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(_learning_runs, "SAMPLES", 2)
    monkeypatch.setattr(_learning_runs, "STEPS", 2)
    return tmp_path


def page_of(capsys, *words):
    code = main(["bench", *words, "--json"])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return json.loads(captured.out)["markdown"], captured.err


def test_deblurring_compares_with_every_classical_method(small, monkeypatch, shared_data, capsys):
    monkeypatch.setattr(_nuclei, "SIDE", 32)
    monkeypatch.setattr(learn_deblur, "SCORED", 2)
    monkeypatch.setattr(learn_deblur, "IMAGES", 12)
    monkeypatch.setattr(learn_deblur, "DEBLUR", TINY)
    words = ("learn-deblur", "gaussian", "12", "10", "2min", "1min-each", str(shared_data))
    page, told = page_of(capsys, *words)
    for title in (
        "as recorded",
        "of scikit-image",
        "total-variation",
        "Gaussian EM",
        "true spectrum",
        "one sample",
    ):
        assert title in page
    assert len(re.findall(r"\| (yes|NO) \|", page)) == 3
    assert re.search(r"\| 10 \| \d+\.\d\d \|", page)
    assert "found the run" not in told
    again, told = page_of(capsys, *words)
    assert "found the run" in told
    assert again.splitlines()[4:] == page.splitlines()[4:]


def test_results_are_kept_by_content(small):
    calls = []

    def compute():
        calls.append(1)
        return {"psnr": 1.5}

    first = _kept.digest(np.arange(3), {"a": 1})
    other = _kept.digest(np.arange(3.0), {"a": 1})
    assert first != other
    assert _kept.kept("x", first, compute) == _kept.kept("x", first, compute) == {"psnr": 1.5}
    assert len(calls) == 1
    _kept.kept("x", other, compute)
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
    more, fewer = (_nuclei.nuclei(shared_data, "poisson", n, unseen=False, side=32) for n in (6, 4))
    assert torch.equal(more.first(4).recorded, fewer.recorded)
    unseen = _nuclei.nuclei(shared_data, "poisson", 6, unseen=True, side=32)
    assert unseen.truth.shape == unseen.recorded.shape == (6, 1, 32, 32)
    assert not any(torch.equal(a, b) for a in unseen.truth for b in more.truth)


@pytest.mark.parametrize("name", ["DEBLUR", "DENOISE", "INPAINT"])
def test_recipes_are_recipes(name):
    from emdiff_app.learning import Recipe
    from emdiff_app.physics import GaussianNoise, ImagingModel

    model = ImagingModel(noise=GaussianNoise(sigma=0.1))
    Recipe(stacks=("a.tif",), model=model, **getattr(_recipes, name))
