"""The stationary Gaussian prior against dense linear algebra."""

import torch

from emdiff_app.diffusion import GaussianPrior, fit_gaussian
from emdiff_app.physics import ImagingModel
from emdiff_app.physics.random import generator_of

SIDE = 10


def power_law(side=SIDE, power=-1.0):
    f = torch.fft.fftfreq(side, dtype=torch.float64)
    square = f[:, None] ** 2 + f[None] ** 2
    spectrum = (square + 0.02) ** power
    return (spectrum / spectrum.mean())[None]


def dense(function, shape, out=None):
    """The matrix of a linear function of images of `shape`."""
    n = shape[0] * shape[1]
    basis = torch.eye(n, dtype=torch.float64).reshape(n, 1, *shape)
    return function(basis).reshape(n, -1).T


def test_denoising_is_the_conditional_mean_of_a_gaussian():
    prior = GaussianPrior(power_law(), torch.tensor([0.4], dtype=torch.float64))
    covariance = dense(prior.covary, (SIDE, SIDE))
    noisy = torch.randn(2, 1, SIDE, SIDE, dtype=torch.float64, generator=generator_of(1))
    eye = torch.eye(SIDE**2, dtype=torch.float64)
    gain = covariance @ torch.linalg.inv(covariance + 0.3**2 * eye)
    expected = 0.4 + (noisy - 0.4).reshape(2, -1) @ gain.T
    torch.testing.assert_close(prior.denoise(noisy, 0.3).reshape(2, -1), expected)


def test_denoising_takes_one_level_for_each_image():
    prior = GaussianPrior(power_law(), torch.tensor([0.0], dtype=torch.float64))
    noisy = torch.randn(2, 1, SIDE, SIDE, dtype=torch.float64, generator=generator_of(1))
    both = prior.denoise(noisy, torch.tensor([0.1, 2.0]))
    torch.testing.assert_close(both[:1], prior.denoise(noisy[:1], 0.1))
    torch.testing.assert_close(both[1:], prior.denoise(noisy[1:], 2.0))


def test_posterior_draws_have_the_exact_mean_and_covariance():
    model = ImagingModel.model_validate(
        {
            "operator": [{"kind": "blur", "psf": {"kind": "gaussian", "sigma_px": 0.6}}],
            "noise": {"kind": "gaussian", "sigma": 0.5},
        }
    )
    imaging = model.bind((15, 15), dtype=torch.float64)
    side = imaging.domain[0]
    prior = GaussianPrior(power_law(side), torch.tensor([0.2], dtype=torch.float64))
    covariance = dense(prior.covary, (side, side))
    a = dense(imaging.apply, (side, side))
    y = torch.randn(1, 1, 15, 15, dtype=torch.float64, generator=generator_of(2))
    gain = (
        covariance @ a.T @ torch.linalg.inv(a @ covariance @ a.T + 0.25 * torch.eye(225, dtype=torch.float64))
    )
    mean = 0.2 + gain @ (y.reshape(-1) - a @ torch.full((side**2,), 0.2, dtype=torch.float64))
    exact = covariance - gain @ a @ covariance

    count = 6000
    draws = prior.draw_posterior(imaging, y.expand(count, 1, 15, 15), generator_of(3)).reshape(count, -1)
    standard = exact.diagonal().sqrt()
    assert ((draws.mean(0) - mean).abs() / standard).max() < 5 / count**0.5
    torch.testing.assert_close(
        draws.var(0) / exact.diagonal(), torch.ones(side**2).double(), atol=0.1, rtol=0
    )
    scatter = torch.cov(draws.T) - exact
    assert scatter.abs().max() < 0.1 * exact.diagonal().max()


def test_em_learns_the_spectrum_from_noisy_images_alone():
    truth = GaussianPrior(power_law(16).float(), torch.tensor([1.5]))
    clean = truth.draw(200, generator_of(4))
    imaging = ImagingModel.model_validate({"noise": {"kind": "gaussian", "sigma": 0.5}}).bind((16, 16))
    recorded = imaging.simulate(clean, 5)
    learned = fit_gaussian(imaging, [recorded[:100], recorded[100:]], generator_of(6), rounds=16, margin=0)
    assert abs(float(learned.mean) - 1.5) < 0.1
    ratio = (learned.spectrum / truth.spectrum)[truth.spectrum > 0.5]
    assert 0.8 < float(ratio.median()) < 1.25
    error = (learned.denoise(recorded, 0.5) - clean).square().mean()
    best = (truth.denoise(recorded, 0.5) - clean).square().mean()
    assert best <= error < 1.05 * best
