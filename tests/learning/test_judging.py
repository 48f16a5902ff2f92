"""What the judge of a round recommends to those who restore: one pass only where it is clearly better."""

import pytest
import torch

from emdiff_app.diffusion import GaussianPrior
from emdiff_app.learning.judging.judgement import judge
from emdiff_app.physics import Imaging, ImagingModel, NoiseParameters
from emdiff_app.physics.random import generator_of
from emdiff_app.posterior.look import look

CAMERA = {"kind": "poisson-gaussian", "offset": 0, "gain": 0.02, "read_noise": 0.01}


@pytest.fixture
def recorded():
    """Imaging model, recorded crops, and the truth behind them."""
    generator = generator_of(0)
    truth = torch.rand(12, 1, 24, 24, generator=generator).cumsum(-1) / 24 + 0.2
    imaging = ImagingModel.model_validate({"noise": CAMERA}).bind((24, 24))
    return imaging, imaging.simulate(truth, generator), truth


def giving(image):
    return lambda imaging, y, generator: image


def scattered(image, by):
    """Samples about an image, each with a scatter of its own."""
    return lambda imaging, y, generator: image + by * torch.randn(image.shape, generator=generator)


def test_one_pass_is_recommended_where_it_predicts_better_than_one_look(recorded):
    imaging, y, truth = recorded
    worse = truth + 0.1 * torch.randn(truth.shape, generator=generator_of(1))
    found = judge(imaging, y, generator_of(2), scattered(worse, 0.05), giving(truth), giving(worse))
    assert found.estimate == "one-pass"
    assert torch.equal(found.restored, truth)


def test_of_two_that_cannot_be_told_apart_the_cheaper_is_recommended_and_shown(recorded):
    imaging, y, truth = recorded
    one, other = (truth + 0.02 * torch.randn(truth.shape, generator=generator_of(seed)) for seed in (1, 4))
    for looked, passed in ((one, other), (other, one)):
        found = judge(imaging, y, generator_of(2), scattered(one, 0.05), giving(passed), giving(looked))
        assert found.estimate == "samples"
        assert torch.equal(found.restored, looked)


def test_noise_in_the_dark_that_the_model_does_not_know_of_is_not_taken_for_detail(recorded):
    """One pass keeps half of it, and likelihood, which both parts share it with, would call that better."""
    imaging, _, truth = recorded
    truth = truth.clone()
    truth[..., :12] = 0.01
    dark = truth < 0.02
    y = imaging.simulate(truth, generator_of(5))
    y = y + torch.where(dark, 0.02, 0.0) * torch.randn(y.shape, generator=generator_of(6))
    error = 0.04 * torch.randn(truth.shape, generator=generator_of(7))
    looked, passed = truth + 0.5 * error * ~dark, torch.where(dark, (y + truth) / 2, truth + error)
    found = judge(imaging, y, generator_of(2), scattered(looked, 0.05), giving(passed), giving(looked))
    by_look, by_pass = (judge(imaging, y, generator_of(2), giving(x)).held_out for x in (looked, passed))
    assert by_pass > by_look + 0.01
    assert found.held_out == pytest.approx(by_look)  # the score is that of the estimate which is recommended
    assert found.estimate == "samples"


def test_where_one_look_is_impossible_one_pass_is_compared_with_as_many_samples_as_are_averaged(recorded):
    """The mean of two of these is worse than the pass, that of eight is not."""
    imaging, y, truth = recorded
    one_pass = giving(truth + 0.07 * torch.randn(truth.shape, generator=generator_of(3)))
    found = judge(imaging, y, generator_of(2), scattered(truth, 0.12), one_pass)
    assert found.estimate == "samples"


def test_images_with_noise_of_their_own_are_looked_at_together_as_alone():
    prior = GaussianPrior(torch.full((1, 16, 9), 0.04), torch.tensor([0.5]))
    levels = torch.tensor([0.02, 0.1, 0.4]).reshape(3, 1, 1, 1)
    y = torch.rand(3, 1, 16, 16, generator=generator_of(0))
    operator = ImagingModel.model_validate({"noise": CAMERA}).bind((16, 16)).operator
    together, _ = look(prior, Imaging(operator, NoiseParameters(read_noise=levels)), y, turns=True)
    for k, level in enumerate(levels.flatten().tolist()):
        alone, _ = look(prior, Imaging(operator, NoiseParameters(read_noise=level)), y[k : k + 1], turns=True)
        torch.testing.assert_close(together[k : k + 1], alone)
    assert (together - y).flatten(1).std(1).argsort().tolist() == [0, 1, 2]
