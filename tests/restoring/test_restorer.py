"""Restoring a stack: what comes back, what can be stopped, what is refused."""

import numpy as np
import pytest

from emdiff_app.diffusion import LearnedPrior
from emdiff_app.errors import EMDiffError
from emdiff_app.images import IntensityScale, PixelSize, stack_from_array
from emdiff_app.physics import ImagingModel
from emdiff_app.priors import Card, write_prior
from emdiff_app.restoring import Cancelled, restore

MODEL = ImagingModel.model_validate({"noise": {"kind": "gaussian", "sigma": 20}})


@pytest.fixture
def prior(tmp_path):
    """An untrained prior: the best linear guess, enough to see what restoring itself does."""
    scale = IntensityScale(offset=100, gain=200)
    card = Card(size="tiny", channels=1, sigma_data=0.4, mean=0.5, scale=scale, model=MODEL)
    write_prior(tmp_path / "p.emprior", LearnedPrior("tiny", 1, 0.4, 0.5), card)
    return tmp_path / "p.emprior"


@pytest.fixture
def stack():
    rng = np.random.default_rng(0)
    clean = np.zeros((3, 40, 50)) + 150
    clean[:, 10:30, 15:35] = 300
    noisy = (clean + rng.normal(0, 20, clean.shape)).astype(np.float32)
    size = {"Z": PixelSize(0.3), "Y": PixelSize(0.1), "X": PixelSize(0.1)}
    return stack_from_array(noisy, "ZYX", pixel_size=size, name="square")


def test_a_restoration_keeps_axes_pixel_size_and_grey_levels(prior, stack):
    result = restore(stack, prior, samples=2, steps=6)
    for made in (result.mean, result.spread):
        assert (made.axes, made.shape, made.pixel_size) == (stack.axes, stack.shape, stack.pixel_size)
    assert abs(result.mean.numpy().mean() - stack.numpy().mean()) < 10
    assert (result.spread.numpy() > 0).all()


def test_one_sample_has_no_spread(prior, stack):
    assert restore(stack, prior, samples=1, steps=4).spread is None


def test_the_same_seed_restores_the_same(prior, stack):
    one, other, third = (restore(stack, prior, steps=4, seed=s).mean.numpy() for s in (1, 1, 2))
    np.testing.assert_array_equal(one, other)
    assert np.abs(one - third).mean() > 1


def test_progress_runs_from_start_to_end(prior, stack):
    told = []
    restore(stack, prior, samples=2, steps=4, on_progress=lambda p: told.append(p.fraction))
    assert told == sorted(told)
    assert told[-1] == 1
    assert len(told) >= 3 * 2 * 4


def test_cancelling_takes_effect_within_a_step(prior, stack):
    steps = []
    with pytest.raises(Cancelled):
        restore(stack, prior, steps=50, on_progress=steps.append, should_stop=lambda: len(steps) >= 7)
    assert len(steps) == 7


def test_colour_is_refused_by_a_prior_of_one_channel(prior):
    photo = stack_from_array(np.zeros((16, 16, 3), np.uint8), "YXS", name="photo")
    with pytest.raises(EMDiffError, match=r"1 channel.*3"):
        restore(photo, prior)


def test_a_pixel_that_is_not_a_number_is_refused(prior, stack):
    array = stack.numpy()
    array[1, 4, 4] = np.nan
    with pytest.raises(EMDiffError, match="NaN"):
        restore(stack_from_array(array, "ZYX", name="broken"), prior)


def test_a_model_that_cannot_explain_the_data_is_said(prior, stack):
    blur = {"kind": "blur", "psf": {"kind": "gaussian", "sigma_px": 2}}
    wrong = ImagingModel.model_validate({"operator": [blur], "noise": {"kind": "gaussian", "sigma": 2}})
    said = restore(stack, prior, wrong, steps=6)
    assert said.chi2 > 3
    assert "does not match" in said.sentences[0]
