"""One look at noisy images: the mean of the posterior, and how far it is from the truth, without the truth."""

import pytest
import torch

from emdiff_app.diffusion import Batch, GaussianPrior
from emdiff_app.diffusion.one_look import one_look
from emdiff_app.physics import NoiseParameters


def generator(seed):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("sigma", [0.1, 0.5])
def test_the_mean_is_the_posterior_s_and_the_variance_its_error(sigma):
    """A Gaussian prior has both in closed form."""
    frequency = torch.fft.fftfreq(32).square()[:, None] + torch.fft.fftfreq(32).square()
    prior = GaussianPrior(1.0 / (1 + 400 * frequency)[None], torch.zeros(1))
    x = prior.draw(256, generator(1))
    y = x + sigma * torch.randn(x.shape, generator=generator(2))
    noise = NoiseParameters(0.0, 0.0, sigma)
    mean, variance = one_look(prior, Batch(recorded=y, noise=noise), generator(3))
    torch.testing.assert_close(mean, prior.denoise(y, sigma))
    assert float(variance.mean()) == pytest.approx(float((mean - x).square().mean()), rel=0.05)


def test_nobody_is_certain():
    """Where the estimate of the error comes out negative by chance, a little is left."""
    prior = GaussianPrior(torch.full((1, 8, 8), 1e-6), torch.zeros(1))
    for seed in range(20):
        y = torch.randn((1, 1, 8, 8), generator=generator(seed))
        _, variance = one_look(
            prior, Batch(recorded=y, noise=NoiseParameters(0.0, 0.0, 1.0)), generator(seed)
        )
        assert float(variance.min()) > 0
