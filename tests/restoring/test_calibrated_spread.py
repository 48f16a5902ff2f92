"""A calibration that was kept labels the spread of later restorations, and widens it where it passed."""

import numpy as np
import pytest
import torch
from restoring_tools import BLURRED, SIZES, gaussian_prior, squares, stack_of, write_small

from emdiff_app.physics import ImagingModel
from emdiff_app.posterior.look import look
from emdiff_app.restoring import known_prior, restore
from emdiff_app.restoring.trust import (
    NOMINAL,
    Calibration,
    calibrate_stack,
    calibration_key,
    examine,
    keep_calibration,
)
from emdiff_app.restoring.trust.calibrating import calibrate_estimate


@pytest.fixture
def known(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    return known_prior(write_small(tmp_path / "p.emprior", trained=False))


@pytest.fixture
def stack():
    return stack_of(squares(1, 64, 64))


def keep(known, factor, corrected=NOMINAL, sampler="one look", steps=1):
    found = Calibration(
        covered=(0.4, 0.7, 0.8),
        factor=factor,
        corrected=corrected,
        tarp=(0.33, 0.66),
        chi2=1,
        images=12,
        samples=2,
        sampler=sampler,
        steps=steps,
    )
    keep_calibration(calibration_key(known.sha256, known.model, SIZES, sampler, steps), found)


def test_a_spread_that_nobody_measured_is_called_so(known, stack):
    made = restore(stack, known)
    assert made.facts["spread"] == "uncalibrated"
    assert "spread_multiplied_by" not in made.facts
    assert any("The spread is uncalibrated" in said for said in made.sentences)
    assert "spread" not in restore(stack, known, write=("mean",)).facts


def test_a_calibration_that_passed_widens_the_spread_and_nothing_else(known, stack):
    plain = restore(stack, known, write=("mean", "spread", "prior-alone"))
    keep(known, 1.5)
    made = restore(stack, known, write=("mean", "spread", "prior-alone"))
    np.testing.assert_allclose(made.spread.numpy(), 1.5 * plain.spread.numpy(), rtol=1e-5)
    np.testing.assert_array_equal(made.mean.numpy(), plain.mean.numpy())
    np.testing.assert_array_equal(made.prior_alone.numpy(), plain.prior_alone.numpy())
    assert (made.facts["spread"], made.facts["spread_multiplied_by"]) == ("calibrated", 1.5)
    assert any("multiplied by that factor" in said for said in made.sentences)
    assert made.examined.calibration.factor == 1.5


@pytest.mark.parametrize(
    ("kept", "asked"),
    [
        ({"corrected": (0.2, 0.4, 0.6)}, {}),  # it did not pass
        ({}, {"imaging_model": BLURRED, "steps": 2}),  # measured for another imaging model
        ({}, {"samples": 2, "steps": 2}),  # or for one look
        ({}, {"intensities": "image"}),  # or for other grey levels
    ],
)
def test_no_other_calibration_is_borrowed(known, stack, kept, asked):
    plain = restore(stack, known, **asked)
    keep(known, 1.5, **kept)
    made = restore(stack, known, **asked)
    assert made.facts["spread"] == "uncalibrated"
    np.testing.assert_array_equal(made.spread.numpy(), plain.spread.numpy())


def test_what_check_measures_restorations_know(known, stack):
    """Of such images one look and samples are measured both, as they are restored by both."""
    found = calibrate_stack(stack, known, images=6)
    assert found.sampler == "one look"
    assert found.passed
    one, many = restore(stack, known), restore(stack, known, samples=2)
    assert one.facts["spread_multiplied_by"] == pytest.approx(found.factor, abs=1e-4)
    assert many.facts["spread"] in ("calibrated", "uncalibrated")
    assert examine(stack, known, samples=2, crops=1).calibration == found


@pytest.mark.parametrize("wrong", [1.0, 2.0])
def test_one_look_is_calibrated_by_the_intervals_of_a_gaussian(wrong):
    """Exact for the closed form; a spread that is twice too large is found to be."""
    prior = gaussian_prior(32)
    imaging = ImagingModel.model_validate({"noise": {"kind": "gaussian", "sigma": 0.3}}).bind((32, 32))

    def estimate(imaging, y):
        mean, variance = look(prior, imaging, y, on_step=lambda: None)
        return mean, torch.as_tensor(wrong**2 * variance)

    found = calibrate_estimate(prior, imaging, estimate, images=16, sampler="one look", steps=1)
    assert found.factor == pytest.approx(1 / wrong, rel=0.05)
    for share, nominal in zip(found.corrected, NOMINAL, strict=True):
        assert abs(share - nominal) < 0.03
