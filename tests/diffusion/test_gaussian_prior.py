"""The stationary Gaussian prior against dense linear algebra."""

import pytest
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

    count = 3000
    draws = prior.draw_posterior(imaging, y.expand(count, 1, 15, 15), generator_of(3)).reshape(count, -1)
    standard = exact.diagonal().sqrt()
    assert ((draws.mean(0) - mean).abs() / standard).max() < 5 / count**0.5
    torch.testing.assert_close(
        draws.var(0) / exact.diagonal(), torch.ones(side**2).double(), atol=0.15, rtol=0
    )
    scatter = torch.cov(draws.T) - exact
    assert scatter.abs().max() < 0.12 * exact.diagonal().max()


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


def test_a_map_of_noise_has_a_closed_form_too():
    prior = GaussianPrior(power_law(), torch.tensor([0.4], dtype=torch.float64))
    covariance = dense(prior.covary, (SIDE, SIDE))
    noisy = torch.randn(1, 1, SIDE, SIDE, dtype=torch.float64, generator=generator_of(1))
    levels = 0.1 + torch.rand(noisy.shape, generator=generator_of(2)).double()
    gain = covariance @ torch.linalg.inv(covariance + levels.flatten().square().diag())
    expected = 0.4 + (noisy - 0.4).reshape(1, -1) @ gain.T
    found = prior.denoise(noisy, levels).reshape(1, -1)
    torch.testing.assert_close(found, expected, atol=5e-3, rtol=0)


def test_the_variance_that_it_states_is_that_of_its_error():
    prior = GaussianPrior(power_law(16), torch.zeros(1, dtype=torch.float64))
    clean = prior.draw(400, generator_of(1))
    noisy = clean + 0.7 * torch.randn(clean.shape, generator=generator_of(2), dtype=clean.dtype)
    mean, variance = prior.denoise_with_variance(noisy, 0.7)
    assert float((mean - clean).square().mean() / variance.mean()) == pytest.approx(1, abs=0.05)


def test_missing_pixels_are_drawn_from_the_exact_posterior_whatever_stands_there():
    model = {
        "operator": [{"kind": "mask", "missing": 0.5, "seed": 1}],
        "noise": {"kind": "gaussian", "sigma": 0.2},
    }
    imaging = ImagingModel.model_validate(model).bind((SIDE, SIDE), dtype=torch.float64)
    prior = GaussianPrior(power_law(), torch.tensor([0.2], dtype=torch.float64))
    y = torch.randn(1, 1, SIDE, SIDE, dtype=torch.float64, generator=generator_of(2))
    covariance = dense(prior.covary, (SIDE, SIDE))
    seen = imaging.observed.expand(1, 1, SIDE, SIDE).flatten()
    inverse = torch.linalg.inv(covariance[seen][:, seen] + 0.04 * torch.eye(int(seen.sum())).double())
    gain = covariance[:, seen] @ inverse
    mean = 0.2 + gain @ (y.flatten()[seen] - 0.2)
    exact = (covariance - gain @ covariance[seen]).diagonal()
    count = 2000
    holes = torch.where(imaging.observed, y, torch.nan).expand(count, 1, SIDE, SIDE)
    draws = prior.draw_posterior(imaging, holes, generator_of(3)).reshape(count, -1)
    assert ((draws.mean(0) - mean).abs() / exact.sqrt()).max() < 5 / count**0.5
    torch.testing.assert_close(draws.var(0) / exact, torch.ones_like(exact), atol=0.2, rtol=0)


def test_another_domain_keeps_the_covariance():
    prior = GaussianPrior(power_law(32), torch.zeros(1, dtype=torch.float64))
    for side in (24, 48):
        other = prior.on((side, side))
        lags = [torch.fft.ifft2(p.spectrum)[0, :4, :4].real for p in (prior, other)]
        torch.testing.assert_close(lags[0], lags[1], atol=0.02, rtol=0)
    assert prior.denoise(torch.zeros(1, 1, 20, 40).double(), 0.5).shape == (1, 1, 20, 40)


def test_a_draw_does_not_depend_on_its_batch():
    model = {"operator": [{"kind": "downsample", "factor": 2}], "noise": {"kind": "gaussian", "sigma": 0.1}}
    imaging = ImagingModel.model_validate(model).bind((8, 8), dtype=torch.float64)
    prior = GaussianPrior(power_law(16), torch.zeros(1, dtype=torch.float64))
    y = torch.randn(3, 1, 8, 8, dtype=torch.float64, generator=generator_of(2))
    together = prior.draw_posterior(
        imaging, y * torch.tensor([1.0, 30, 0.01]).reshape(3, 1, 1, 1), generator_of(3)
    )
    alone = prior.draw_posterior(imaging, y[:1], generator_of(3))
    torch.testing.assert_close(together[:1], alone)


@pytest.mark.parametrize(
    "model",
    [
        {
            "operator": [{"kind": "mask", "missing": 0.6, "seed": 1}],
            "noise": {"kind": "gaussian", "sigma": 0.1},
        },
        {"noise": {"kind": "poisson-gaussian", "offset": -2.0, "gain": 0.05, "read_noise": 0.05}},
        {
            "operator": [{"kind": "blur", "psf": {"kind": "gaussian", "sigma_px": 0.8}}],
            "noise": {"kind": "gaussian", "sigma": 0.1},
        },
        {"operator": [{"kind": "downsample", "factor": 2}], "noise": {"kind": "gaussian", "sigma": 0.05}},
    ],
    ids=["mask", "photons", "blur", "downsample"],
)
def test_em_restores_nearly_as_well_as_the_truth_would_under_any_imaging_model(model):
    """From corrupted images alone, in a few rounds, the posterior mean comes close to the best there is."""
    imaging = ImagingModel.model_validate(model).bind((24, 24))
    sides = tuple(n + 8 for n in imaging.domain)
    truth = GaussianPrior(power_law(64).float(), torch.tensor([1.5])).on(sides)
    clean = truth.draw(96, generator_of(4))[..., : sides[0] - 8, : sides[1] - 8]
    recorded = imaging.simulate(clean, 5)
    learned = fit_gaussian(imaging, recorded.split(48), generator_of(6), rounds=8)

    def error(prior):
        draws = [prior.draw_posterior(imaging, recorded, generator_of(7 + k)) for k in range(3)]
        return float((torch.stack(draws).mean(0) - clean).square().mean())

    assert error(learned) < 1.2 * error(truth)


def test_em_works_in_three_dimensions():
    f = torch.fft.fftfreq(8)
    square = sum(torch.meshgrid(f**2, f**2, f**2, indexing="ij"))
    spectrum = 1 / (square + 0.05)
    truth = GaussianPrior((spectrum / spectrum.mean())[None], torch.tensor([0.5]))
    clean = truth.draw(40, generator_of(1))
    imaging = ImagingModel.model_validate({"noise": {"kind": "gaussian", "sigma": 0.5}}).bind((8, 8, 8))
    recorded = imaging.simulate(clean, 5)
    learned = fit_gaussian(imaging, [recorded], generator_of(6), rounds=10, margin=0)
    error = (learned.denoise(recorded, 0.5) - clean).square().mean()
    assert error < 1.1 * (truth.denoise(recorded, 0.5) - clean).square().mean()
