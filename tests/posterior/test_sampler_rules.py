"""What every sampler promises: the same for a seed, for any batch, stoppable, never NaN."""

import pytest
import torch
from closed_form import BLUR, MASK, bound, gaussian_prior, white

from emdiff_app import posterior
from emdiff_app.diffusion import LearnedPrior, Prior
from emdiff_app.errors import EMDiffError
from emdiff_app.physics import ImagingModel
from emdiff_app.physics.random import generator_of

STEPS = 8
EVERY = posterior.names()
OTHERS = [name for name in EVERY if name != "from-noise"]


def model_for(method):
    return (
        {"noise": white(0.3)} if method == "from-noise" else {"operator": [BLUR, MASK], "noise": white(0.2)}
    )


def recorded(method, count=3):
    imaging = bound(model_for(method))
    return imaging, imaging.simulate(gaussian_prior().draw(count, generator_of(1)), 2)


def draw(method, imaging, y, seed=3, prior=None, steps=STEPS, **options):
    return posterior.get(method).sample(
        prior or gaussian_prior(), imaging, y, steps=steps, generator=generator_of(seed), **options
    )


@pytest.mark.parametrize("method", EVERY)
def test_an_image_is_restored_alike_in_any_batch(method):
    imaging, y = recorded(method)
    alone = draw(method, imaging, y[:1])
    beside = draw(method, imaging, torch.cat([y[:1], 20 * y[1:]]))
    torch.testing.assert_close(alone, beside[:1], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("method", EVERY)
def test_a_seed_gives_the_same_sample_and_another_seed_another(method):
    imaging, y = recorded(method)
    torch.testing.assert_close(draw(method, imaging, y), draw(method, imaging, y), rtol=0, atol=0)
    assert (draw(method, imaging, y) - draw(method, imaging, y, seed=4)).abs().mean() > 0.02


@pytest.mark.parametrize("method", EVERY)
def test_every_step_is_told_and_can_cancel(method):
    imaging, y = recorded(method)
    seen = []

    class EnoughError(Exception):
        pass

    def on_step(step, steps, estimate):
        seen.append((step, steps, tuple(estimate.shape)))

    def stop(step, steps, estimate):
        if step == 5:
            raise EnoughError

    draw(method, imaging, y, on_step=on_step)
    assert seen == [(n, STEPS, tuple(y.shape)) for n in range(1, STEPS + 1)]
    with pytest.raises(EnoughError):
        draw(method, imaging, y, on_step=stop)


class Broken(Prior):
    """A prior that gives NaN, or something absurd, for bright images at low noise levels."""

    def __init__(self, wrong, always=False):
        super().__init__(1, 1.0)
        self.wrong, self.always = wrong, always

    def centre(self, like):
        return like.new_zeros(())

    def denoise(self, x_t, sigma):
        s = torch.as_tensor(sigma).reshape(-1, *[1] * (x_t.ndim - 1))
        good = x_t / (1 + s**2)
        late_and_bright = (x_t.mean((1, 2, 3), keepdim=True) > 1) & (s < 1)
        return good * torch.where(late_and_bright | torch.tensor(self.always), self.wrong, 1.0)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), 1e30])
@pytest.mark.parametrize("method", EVERY)
def test_a_prior_that_breaks_down_for_one_image_harms_no_other_and_is_reported(method, wrong):
    imaging = bound(model_for(method))
    clean = torch.tensor([0.0, 9.0]).reshape(2, 1, 1, 1).expand(2, 1, 12, 12)
    y = imaging.simulate(clean, 2)
    report = posterior.Report()
    steps = 150 if method == "dps" else STEPS  # in a few steps it does not get anywhere
    x = draw(method, imaging, y, prior=Broken(wrong), report=report, steps=steps)
    assert torch.isfinite(x).all()
    assert x.abs().max() < 1000
    assert set(report.rescued) == {1}
    assert "1 image" in report.sentence
    alone = draw(method, imaging, y[:1], prior=Broken(wrong), steps=steps)
    torch.testing.assert_close(alone, x[:1], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("method", EVERY)
def test_a_prior_that_never_works_still_gives_no_nan(method):
    imaging, y = recorded(method)
    report = posterior.Report()
    x = draw(method, imaging, y, prior=Broken(float("nan"), always=True), report=report)
    assert torch.isfinite(x).all()
    assert set(report.rescued) == {0, 1, 2}


@pytest.mark.parametrize("method", OTHERS)
def test_missing_pixels_may_hold_anything_and_nothing_is_read_from_them(method):
    imaging, y = recorded(method)
    other = torch.where(imaging.observed, y, float("nan"))
    if method == "sdedit":  # it starts from its own filling of the holes
        assert torch.isfinite(draw(method, imaging, other)).all()
        return
    torch.testing.assert_close(draw(method, imaging, other), draw(method, imaging, y), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("method", OTHERS)
def test_an_image_of_nothing_but_missing_pixels_is_drawn_from_the_prior(method):
    imaging, y = recorded(method)
    y[1] = float("nan")
    x = draw(method, imaging, y)
    assert torch.isfinite(x).all()


@pytest.mark.parametrize("method", OTHERS)
def test_a_network_restores_beyond_the_border_of_a_blurred_camera_image(method):
    """The domain is larger than what was recorded, and the noise depends on the light."""
    model = {
        "operator": [{"kind": "blur", "psf": {"kind": "gaussian", "fwhm_px": 2.0, "shape": [5, 5]}}],
        "noise": {"kind": "poisson-gaussian", "gain": 0.05, "read_noise": 0.05},
    }
    imaging = ImagingModel.model_validate(model).bind((16, 16))
    torch.manual_seed(0)
    prior = LearnedPrior("tiny", 1, 0.5, 1.0)
    y = imaging.simulate(torch.full((2, 1, 20, 20), 1.0), 1)
    x = posterior.get(method).sample(prior, imaging, y, steps=4, generator=generator_of(0))
    assert x.shape == (2, 1, 20, 20)
    assert torch.isfinite(x).all()
    assert not x.requires_grad


def test_a_method_that_does_not_exist_is_refused_with_the_names_of_those_that_do():
    with pytest.raises(EMDiffError, match=r"no sampler called 'magic'.*auto.*spectral"):
        posterior.get("magic")


def test_each_method_says_what_it_costs():
    for name in EVERY:
        method = posterior.get(name)
        assert method.equation
        assert "evaluation" in method.cost
        assert method.gradients == ("gradient" in method.cost.replace("conjugate gradient", ""))
        assert method.steps >= 8


@pytest.mark.parametrize("method", OTHERS)
def test_a_volume_is_restored_by_a_prior_that_looks_at_neighbouring_slices(method):
    imaging = ImagingModel.model_validate({"operator": [MASK], "noise": white(0.2)}).bind((3, 16, 16))
    torch.manual_seed(0)
    prior = LearnedPrior("tiny", 1, 1.0, neighbours=1)
    y = torch.randn(1, 1, 3, 16, 16, generator=generator_of(1))
    x = posterior.get(method).sample(prior, imaging, y, steps=4, generator=generator_of(0))
    assert x.shape == y.shape
    assert torch.isfinite(x).all()
