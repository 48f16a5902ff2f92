"""The sampler of the skeleton on a prior whose posterior is known exactly."""

import pytest
import torch

from emdiff_app import posterior
from emdiff_app.diffusion.gaussian import GaussianPrior
from emdiff_app.physics import ImagingModel
from emdiff_app.physics.random import generator_of

MODEL = ImagingModel.model_validate({"noise": {"kind": "gaussian", "sigma": 0.4}})


def problem(side=16, count=2):
    f = torch.fft.fftfreq(side)
    spectrum = (f[:, None] ** 2 + f[None] ** 2 + 0.002) ** -1.5
    prior = GaussianPrior((spectrum / spectrum.mean())[None], torch.tensor([0.5]))
    imaging = MODEL.bind((side, side))
    clean = prior.draw(count, generator_of(1))
    return prior, imaging, clean, imaging.simulate(clean, 2)


def draw(prior, imaging, y, seed=3, **options):
    return posterior.get("auto").sample(prior, imaging, y, steps=24, generator=generator_of(seed), **options)


def test_the_mean_of_samples_is_near_the_exact_posterior_mean():
    prior, imaging, clean, y = problem(count=1)
    exact = prior.denoise(y, 0.4)
    mean = draw(prior, imaging, y.expand(64, *y.shape[1:]).clone()).mean(0, keepdim=True)
    excess = (mean - exact).square().mean() / (exact - clean).square().mean()
    assert excess < 0.5  # an approximation: it takes the denoiser to be surer than a Gaussian one is
    assert (mean - clean).square().mean() < 0.7 * (y - clean).square().mean()


def test_an_image_is_restored_alike_in_any_batch():
    prior, imaging, _, y = problem(count=1)
    alone = draw(prior, imaging, y)
    beside = draw(prior, imaging, torch.cat([y, 5 * y]))
    torch.testing.assert_close(alone, beside[:1])


def test_the_same_seed_gives_the_same_sample_and_another_seed_another():
    prior, imaging, _, y = problem()
    torch.testing.assert_close(draw(prior, imaging, y), draw(prior, imaging, y))
    assert (draw(prior, imaging, y) - draw(prior, imaging, y, seed=4)).abs().mean() > 0.05


def test_every_step_is_told_and_can_cancel():
    prior, imaging, _, y = problem()
    seen = []

    class EnoughError(Exception):
        pass

    def on_step(step, steps, estimate):
        seen.append((step, steps, tuple(estimate.shape)))
        if step == 5:
            raise EnoughError

    with pytest.raises(EnoughError):
        draw(prior, imaging, y, on_step=on_step)
    assert seen == [(n, 24, tuple(y.shape)) for n in range(1, 6)]
