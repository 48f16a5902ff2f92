"""Coverage, TARP and the factor: exact samplers pass, over-sure ones are found out."""

import math

import numpy as np
import pytest
import torch

from emdiff_app.diffusion import Batch, GaussianPrior, LearnedPrior, Trainer
from emdiff_app.errors import EMDiffError
from emdiff_app.images import PixelSize
from emdiff_app.physics import ImagingModel
from emdiff_app.physics.random import generator_of
from emdiff_app.restoring.trust import (
    NOMINAL,
    Calibration,
    calibrate,
    calibration_key,
    coverage,
    keep_calibration,
    kept_calibration,
    tarp,
)
from emdiff_app.restoring.trust.calibrating import calibration_of

SIDE = 32
WHITE = {"kind": "gaussian", "sigma": 0.4}
BLUR = {"kind": "blur", "psf": {"kind": "gaussian", "fwhm_px": 2.5, "shape": [5, 5]}, "boundary": "periodic"}
MASKED = {"kind": "mask", "pattern": "image", "path": "x.npy"}
MODELS = {
    "noise": {"noise": WHITE},
    "blur": {"operator": [BLUR], "noise": {"kind": "gaussian", "sigma": 0.1}},
    "missing": {"operator": [{"kind": "mask", "missing": 0.5, "seed": 1}], "noise": WHITE},
}


def bound(model):
    return ImagingModel.model_validate(model).bind((SIDE, SIDE))


@pytest.fixture(scope="module")
def prior():
    f = torch.fft.fftfreq(SIDE)
    spectrum = (f[:, None] ** 2 + f[None] ** 2 + 0.004) ** -1.25
    return GaussianPrior((spectrum / spectrum.mean())[None], torch.tensor([0.5]))


@pytest.mark.parametrize("name", MODELS)
def test_the_default_sampler_covers_within_three_points_where_the_prior_is_exact(prior, name):
    found = calibrate(prior, bound(MODELS[name]), images=16, samples=8)
    for share, nominal in zip(found.covered, NOMINAL, strict=True):
        assert abs(share - nominal) < 0.03
    assert 0.95 < found.chi2 < 1.05
    assert found.factor == pytest.approx(1, abs=0.05)
    assert found.passed
    assert found.label == "calibrated"


@pytest.fixture(scope="module")
def learned(prior):
    """A tiny network taught on clouds for some seconds."""
    torch.manual_seed(0)
    images = prior.draw(512, generator_of(9))
    made = LearnedPrior("tiny", 1, float(images.std()), float(images.mean()))
    trainer = Trainer(made, learning_rate=2e-3, precision="float32")
    for step in range(200):
        trainer.learning_rate = 2e-3 * min(1.0, 3 * (1 - step / 200))
        trainer.step(Batch(images[torch.randint(0, 512, (12,), generator=generator_of(step))]))
    return trainer.average


@pytest.mark.slow
@pytest.mark.parametrize("name", ["noise", "missing"])
def test_a_learned_prior_covers_within_six_points(learned, name):
    found = calibrate(learned, bound(MODELS[name]), images=12, samples=6, steps=20)
    for share, nominal in zip(found.corrected, NOMINAL, strict=True):
        assert abs(share - nominal) < 0.06
    assert found.passed


def exchangeable(shrunk=1.0, count=8, images=40):
    """Truth and samples, in pairs, from the same law; the samples' spread times `shrunk`."""
    g = generator_of(0)
    centre = 2 * torch.randn(images, 1, 16, 16, generator=g)
    truth = centre + torch.randn(centre.shape, generator=g)
    off = shrunk * torch.randn(count // 2, *centre.shape, generator=g)
    return centre + torch.stack([off, -off], 1).flatten(0, 1), truth


def test_samples_that_are_exchangeable_with_the_truth_cover_as_promised():
    samples, truth = exchangeable()
    assert coverage(samples, truth) == pytest.approx(NOMINAL, abs=0.02)
    expected = [j / 5 for j in range(1, 5)]
    assert tarp(samples[::2], truth) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("shrunk", [0.6, 1.6])
def test_the_factor_mends_a_spread_of_the_wrong_width(shrunk):
    samples, truth = exchangeable(shrunk)
    found = calibration_of(samples, truth, chi2=1.0, sampler="auto", steps=1)
    assert abs(found.covered[0] - 0.5) > 0.1
    assert found.factor == pytest.approx(1 / shrunk, rel=0.1)
    assert found.corrected == pytest.approx(NOMINAL, abs=0.03)


def test_samples_around_the_wrong_place_stay_uncalibrated():
    samples, truth = exchangeable()
    found = calibration_of(samples + 4, truth, chi2=1.0, sampler="auto", steps=1)
    assert not found.passed
    assert found.label == "uncalibrated"
    assert "uncalibrated" in found.sentence


def test_clean_images_can_stand_for_dreams(prior):
    clean = prior.draw(8, generator_of(77))
    found = calibrate(prior, bound(MODELS["noise"]), truth=clean, samples=6)
    assert found.images == 8
    assert found.covered == pytest.approx(NOMINAL, abs=0.04)


def test_it_is_kept_under_prior_model_and_sampler(tmp_path):
    samples, truth = exchangeable()
    found = calibration_of(samples, truth, chi2=1.0, sampler="auto", steps=24)
    model, other = (ImagingModel.model_validate(MODELS[name]) for name in ("noise", "blur"))
    sizes = {"X": PixelSize(0.1), "Y": PixelSize(0.1)}
    key = calibration_key("abc", model, sizes, "auto", 24)
    keep_calibration(key, found, tmp_path)
    assert kept_calibration(key, tmp_path) == found
    others = {
        calibration_key("abd", model, sizes, "auto", 24),
        calibration_key("abc", other, sizes, "auto", 24),
        calibration_key("abc", model, sizes, "mmps", 24),
        calibration_key("abc", model, sizes, "auto", 12),
        calibration_key("abc", model, {**sizes, "X": PixelSize(0.2)}, "auto", 24),
    }
    assert len(others | {key}) == 6
    assert all(kept_calibration(k, tmp_path) is None for k in others)


@pytest.mark.parametrize(
    "part", [BLUR | {"psf": {"kind": "image", "path": "x.npy"}}, MASKED], ids=["psf", "mask"]
)
def test_another_image_under_the_same_name_is_another_model(tmp_path, part):
    model = ImagingModel.model_validate({"operator": [part], "noise": WHITE}).located(tmp_path)
    keys = []
    for number in (1, 2, 1):
        np.save(tmp_path / "x.npy", np.full((5, 5), number))
        keys.append(calibration_key("abc", model, {}, "auto", 24))
    assert keys[0] == keys[2] != keys[1]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"factor": -1}', "x" * 100_000])
def test_a_broken_file_is_refused_and_never_used(tmp_path, text):
    (tmp_path / "k.json").write_text(text)
    with pytest.raises(EMDiffError, match="calibration"):
        Calibration.read(tmp_path / "k.json")
    assert kept_calibration("k", tmp_path) is None


def test_the_words_hold_the_figures():
    samples, truth = exchangeable()
    found = calibration_of(samples, truth, chi2=1.0, sampler="auto", steps=24)
    assert math.isfinite(found.tarp_deviation)
    assert f"factor {found.factor:.2f}" in found.sentence
