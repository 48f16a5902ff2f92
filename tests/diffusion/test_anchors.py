"""Terms that learn from recorded pixels: on Gaussian images, where the right answer is known in closed form."""

import pytest
import torch

from emdiff_app.diffusion import Architecture, Batch, GaussianPrior, LearnedPrior, Trainer
from emdiff_app.diffusion.anchors import (
    Denoising,
    FurtherMasking,
    HiddenPixels,
    Mixture,
    NoiseAbove,
    Sure,
)
from emdiff_app.errors import EMDiffError
from emdiff_app.physics import ImagingModel, NoiseParameters
from emdiff_app.physics.random import generator_of

SIDE, SIGMA = 8, 0.5


def spectrum():
    f = torch.fft.fftfreq(SIDE, dtype=torch.float64)
    power = 1 / (f[:, None] ** 2 + f[None] ** 2 + 0.02)
    return (power / power.mean())[None]


class Scaled(GaussianPrior):
    """The true denoiser, times a number that training could change; right where it is 1."""

    def __init__(self):
        super().__init__(spectrum(), torch.zeros(1, dtype=torch.float64))
        self.factor = torch.ones((), dtype=torch.float64)

    def denoise(self, x_t, sigma):
        return self.factor * super().denoise(x_t, sigma)


def images(count, seed=1):
    return GaussianPrior(spectrum(), torch.zeros(1, dtype=torch.float64)).draw(count, generator_of(seed))


def recorded(count, sigma=SIGMA):
    x = images(count)
    noise = torch.randn(x.shape, generator=generator_of(2), dtype=x.dtype)
    return Batch(clean=x, recorded=x + sigma * noise, noise=NoiseParameters(read_noise=sigma))


def best_factor(term, batch):
    """Where the loss, which is quadratic in the factor, is smallest."""
    prior, values = Scaled(), []
    for factor in (0.9, 1.0, 1.1):
        prior.factor = torch.tensor(factor, dtype=torch.float64)
        values.append(float(term.loss(prior, batch, generator_of(3))))
    low, middle, high = values
    assert low + high > 2 * middle
    return 1 - 0.05 * (high - low) / (low + high - 2 * middle)


@pytest.mark.parametrize(
    ("term", "count"),
    [(NoiseAbove(), 8000), (Sure(), 8000), (Sure(wider=0.5), 8000), (FurtherMasking(0.3), 1500)],
)
def test_the_true_denoiser_is_the_best(term, count):
    assert best_factor(term, recorded(count)) == pytest.approx(1, abs=0.02)


def test_further_masking_of_images_without_noise():
    """Half of the pixels are missing for ever; the conditional mean is still the best answer."""
    x = images(600)
    seen = torch.rand(x.shape, generator=generator_of(5)) < 0.5
    batch = Batch(recorded=torch.where(seen, x, torch.nan), noise=NoiseParameters(), observed=seen)
    assert best_factor(FurtherMasking(0.3), batch) == pytest.approx(1, abs=0.02)


def test_sure_is_the_true_error():
    prior, batch = Scaled(), recorded(8000)
    true = (prior.denoise(batch.recorded, SIGMA) - batch.clean).square().mean()
    estimated = Sure().error(prior, batch, generator_of(4)).mean()
    assert float(estimated) == pytest.approx(float(true), rel=0.03)


def test_sure_refuses_missing_pixels():
    batch = Batch(recorded=torch.full((1, 1, 8, 8), torch.nan), noise=NoiseParameters(read_noise=1.0))
    with pytest.raises(ValueError, match="every pixel"):
        Sure().loss(Scaled(), batch, generator_of(0))


class Neighbours(GaussianPrior):
    """Mean and variance of a hidden pixel as a multiple of what its neighbours' mean says."""

    def __init__(self, gain, variance):
        super().__init__(spectrum(), torch.zeros(1, dtype=torch.float64))
        self.gain, self.known = gain, variance

    def denoise_with_variance(self, x_t, sigma):
        return self.gain * x_t, torch.full_like(x_t, self.known)


def test_hidden_pixels_teach_the_mean_and_the_variance_of_regression():
    """Of all linear guesses from the neighbours' mean, the likelihood is best for that of least squares."""
    batch = recorded(4000)
    kernel = torch.ones(1, 1, 3, 3, dtype=torch.float64)
    kernel[..., 1, 1] = 0
    total, count = (
        torch.nn.functional.conv2d(v, kernel, padding=1)
        for v in (batch.recorded, torch.ones_like(batch.recorded))
    )
    around, x = total / count, batch.clean
    gain = float((around * x).mean() / around.square().mean())
    variance = float((x - gain * around).square().mean())

    def loss(g, v):
        return sum(
            float(HiddenPixels().loss(Neighbours(g, v), batch, generator_of(seed))) for seed in range(12)
        )

    best = loss(gain, variance)
    assert best < min(loss(0.85 * gain, variance), loss(1.15 * gain, variance))
    assert best < min(loss(gain, 0.7 * variance), loss(gain, 1.4 * variance))


def test_what_a_hidden_pixel_says_itself_is_added_by_bayes_rule():
    batch = recorded(500)
    prior = Neighbours(0.0, 1.0)  # knows nothing but that pixels have mean 0 and variance 1
    mean, variance = HiddenPixels().estimate(prior, batch)
    torch.testing.assert_close(mean, batch.recorded / (1 + SIGMA**2))
    torch.testing.assert_close(variance, torch.full_like(mean, SIGMA**2 / (1 + SIGMA**2)))


def test_every_term_trains_a_network_alone_and_with_samples():
    """From photon noise with missing pixels: each term lowers the error of a fresh network."""
    clean = 1 + 0.3 * images(64).float().clamp(-3, 3)
    y = NoiseParameters(gain=0.05, read_noise=0.05).simulate(clean, generator_of(7))
    batch = Batch(clean, y, NoiseParameters(gain=0.05, read_noise=0.05))
    terms = [HiddenPixels(), NoiseAbove(), Sure(), FurtherMasking(), Denoising(camera=0.5)]
    for term in [*terms, Mixture([(0.5, Denoising()), (0.5, HiddenPixels())])]:
        torch.manual_seed(0)
        prior = LearnedPrior("tiny", 1, 0.3, 1.0, variance=True, architecture=Architecture((8,), (1,), ()))
        trainer = Trainer(prior, learning_rate=5e-3, precision="float32", memory=20, warm_up=5)
        before = float(term.loss(prior, batch, generator_of(8)).detach())
        for _ in range(40):
            trainer.step(batch, term)
        after = float(term.loss(trainer.average, batch, generator_of(8)))
        assert after < before
        assert trainer.skipped == 0


def test_a_blur_is_not_taken_for_noise():
    blurred = {"operator": [{"kind": "blur", "psf": {"kind": "gaussian", "sigma_px": 1.0}}]}
    noise = {"noise": {"kind": "gaussian", "sigma": 0.1}}
    masked = {"operator": [{"kind": "mask", "missing": 0.5, "seed": 1}], **noise}
    y = torch.zeros(2, 1, 16, 16)
    assert Batch.of(ImagingModel.model_validate(masked).bind((16, 16)), y).observed is not None
    with pytest.raises(EMDiffError, match="not for blur"):
        Batch.of(ImagingModel.model_validate(blurred | noise).bind((32, 32)), y)


def test_parts_and_turns_take_everything_along():
    gains = torch.rand(4, 1, 1, 1)
    y = torch.rand(4, 1, 8, 8)
    batch = Batch(recorded=y, noise=NoiseParameters(gain=gains), observed=torch.rand(1, 1, 8, 8) > 0.5)
    part = batch.part(1, 3).turned(True, 1)
    torch.testing.assert_close(part.noise.gain, gains[1:3])
    torch.testing.assert_close(part.recorded, torch.rot90(y[1:3].flip(-1), 1, (-2, -1)))
    assert part.observed.equal(torch.rot90(batch.observed.flip(-1), 1, (-2, -1)))


def test_a_noise_map_does_not_give_its_image_away():
    """The map of another image: from its own, `s^2 = t^2 (gain x + b)`, the network would read x off."""
    clean = torch.rand(64, 1, 8, 8, generator=generator_of(1))
    told = []

    class Listening(LearnedPrior):
        def loss(self, x, sigma, noise):
            told.append((x, sigma))
            return super().loss(x, sigma, noise)

    prior = Listening("tiny", 1, 0.3, 0.5, architecture=Architecture((8,), (1,), ()))
    Denoising(camera=1.0).loss(prior, Batch(clean, noise=NoiseParameters(gain=0.1)), generator_of(2))
    x, sigma = told[0]
    shape = (sigma / sigma.mean((1, 2, 3), keepdim=True)).square()
    assert float(shape.std()) > 0.3  # it is a map
    assert abs(float(torch.corrcoef(torch.stack([x.flatten(), shape.flatten()]))[0, 1])) < 0.1
