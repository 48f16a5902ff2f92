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


def test_an_image_is_seen_as_it_is_whatever_is_beside_it():
    """A dark image among images with ten times the noise."""
    prior = GaussianPrior(torch.full((1, 32, 32), 1.0), torch.zeros(1))
    sigma = torch.tensor([0.1, 1.0, 1.0]).reshape(3, 1, 1, 1)
    y = torch.randn((3, 1, 32, 32), generator=generator(0)) * (1 + sigma**2).sqrt()
    whole = one_look(prior, Batch(recorded=y, noise=NoiseParameters(0.0, 0.0, sigma)), generator(1))
    own = generator(1)
    for number in range(3):
        part = slice(number, number + 1)
        alone = one_look(prior, Batch(recorded=y[part], noise=NoiseParameters(0.0, 0.0, sigma[part])), own)
        for one, other in zip(alone, whole, strict=True):
            torch.testing.assert_close(one, other[part], rtol=1e-3, atol=1e-6)
    truth = sigma**2 / (1 + sigma**2)  # of white images in white noise
    torch.testing.assert_close(whole[1][:, :, :1, :1], truth, rtol=0.5, atol=0.0)
