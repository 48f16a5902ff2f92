"""`emdiff check --prior`: whether to trust restorations of an image by a prior."""

import json

import numpy as np
import pytest
import tifffile

from emdiff_app.cli import main
from emdiff_app.diffusion import LearnedPrior
from emdiff_app.images import IntensityScale
from emdiff_app.physics import ImagingModel
from emdiff_app.priors import Card, write_prior

MODEL = {"noise": {"kind": "gaussian", "sigma": 20}}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A noisy square, its truth, and an untrained prior: the best linear guess."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    clean = np.full((2, 48, 48), 150, np.float32)
    clean[:, 10:30, 15:35] = 300
    noisy = clean + np.random.default_rng(0).normal(0, 20, clean.shape).astype(np.float32)
    for name, array in (("x.tif", clean), ("y.tif", noisy)):
        tifffile.imwrite(tmp_path / name, array, imagej=True, metadata={"axes": "ZYX"})
    model = ImagingModel.model_validate(MODEL)
    card = Card(
        size="tiny",
        channels=1,
        sigma_data=0.4,
        mean=0.5,
        scale=IntensityScale(offset=100, gain=200),
        model=model,
    )
    write_prior(tmp_path / "p.emprior", LearnedPrior("tiny", 1, 0.4, 0.5), card)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_verdict_figures_and_a_report(folder, capsys):
    words = [
        "check",
        "x.tif",
        "y.tif",
        "--prior",
        "p.emprior",
        "--samples",
        "2",
        "--report",
        "r.html",
        "--json",
    ]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["believable"]  # what is checked of the restored image itself stays as it is
    trust = found["trust"]
    assert trust["verdict"] in ("trustworthy", "usable with care", "do not use")
    assert len(trust["figures"]["chi2"]) == 2
    assert trust["spread"] == "uncalibrated"
    page = (folder / "r.html").read_text()
    assert trust["verdict"].capitalize() in page
    assert "emdiff check x.tif y.tif --prior p.emprior --samples 2 --seed 0" in page
    assert main(words) == 2  # the report is not overwritten unasked
    assert "already exists" in json.loads(capsys.readouterr().out)["error"]


def test_a_person_gets_the_verdict_with_reasons_and_advice(folder, capsys):
    assert main(["check", "x.tif", "y.tif", "--prior", "p.emprior", "--samples", "2", "--calibrate"]) == 0
    told = capsys.readouterr()
    assert "explains your data" in told.out.splitlines()[0]
    assert "Restorations of this image by p.emprior:\n  VERDICT: " in told.out
    assert "calibrated" in told.out
    assert "50 % intervals hold the truth in" in told.out
    # The calibration was kept, and later checks know it.
    assert main(["check", "x.tif", "y.tif", "--prior", "p.emprior", "--samples", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trust"]["calibration"]["images"] > 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "--model"),
        (["--model", "m.json", "--report", "r.html"], "--prior"),
        (["--prior", "none.emprior"], "none.emprior"),
    ],
)
def test_what_is_missing_is_said_at_once(folder, capsys, words, sentence):
    ImagingModel.model_validate(MODEL).write(folder / "m.json")
    assert main(["check", "x.tif", "y.tif", *words, "--json"]) == 2
    assert sentence in json.loads(capsys.readouterr().out)["error"]
