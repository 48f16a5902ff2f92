"""How unsure the denoiser is: measured on a prior whose answer is known."""

import pytest
import torch

from emdiff_app.diffusion import GaussianPrior, LearnedPrior, Prior
from emdiff_app.physics.random import generator_of
from emdiff_app.posterior import Covariance, uncertainty_of
from emdiff_app.posterior.measured import measure
from emdiff_app.posterior.steps import OwnNoise

SIDE = 48


def texture(colours=1):
    f = torch.fft.fftfreq(SIDE)
    spectrum = (f[:, None] ** 2 + f[None] ** 2 + 0.02) ** -1.25
    spectrum = (spectrum / spectrum.mean()).expand(colours, SIDE, SIDE).clone()
    return GaussianPrior(spectrum, torch.full((colours,), 0.5))


class Unknown(Prior):
    """A Gaussian prior that does not say that it is one."""

    def __init__(self, gaussian, turn=None):
        super().__init__(gaussian.channels, gaussian.sigma_data)
        self.gaussian, self.turn = gaussian, torch.eye(gaussian.channels) if turn is None else turn

    def centre(self, like):
        return like.new_full((), 0.5)

    def denoise(self, x_t, sigma):
        turned = torch.einsum("cd,bdhw->bchw", self.turn, x_t - 0.5) + 0.5
        return torch.einsum("cd,bchw->bdhw", self.turn, self.gaussian.denoise(turned, sigma) - 0.5) + 0.5


@pytest.mark.parametrize("s", [0.05, 0.3, 1.0, 4.0])
def test_what_is_measured_is_what_the_closed_form_says(s):
    known, guessed = texture(), Unknown(texture())
    v = known.draw(4, generator_of(5)) - 0.5
    estimate = known.denoise(v + 0.5, s)
    exact = uncertainty_of(known).at(estimate, s).apply(v)
    found = uncertainty_of(guessed).at(estimate, s).apply(v)
    inner = (..., slice(12, -12), slice(12, -12))  # beyond the borders it knows nothing
    assert (found - exact)[inner].norm() < 0.25 * exact[inner].norm()


@pytest.mark.parametrize("s", [0.1, 1.0])
def test_draws_have_the_covariance_that_is_applied(s):
    known = texture()
    like = torch.zeros(300, 1, SIDE, SIDE)
    covariance = uncertainty_of(Unknown(known)).at(known.draw(300, generator_of(1)), s)
    drawn = covariance.draw(like, OwnNoise(generator_of(2), 300))
    probe = torch.zeros(300, 1, SIDE, SIDE)
    probe[..., 20, 20] = 1.0
    expected = (probe * covariance.apply(probe)).sum((1, 2, 3)).mean()
    assert float(drawn[..., 20, 20].square().mean() / expected) == pytest.approx(1.0, abs=0.25)


def test_it_is_symmetric_and_each_image_may_have_a_level_of_its_own():
    prior = Unknown(texture())
    estimate, levels = texture().draw(2, generator_of(1)), torch.tensor([0.2, 2.0])
    both = uncertainty_of(prior).at(estimate, levels)
    u, v = texture().draw(2, generator_of(2)), texture().draw(2, generator_of(3))
    torch.testing.assert_close((u * both.apply(v)).sum(), (v * both.apply(u)).sum(), rtol=1e-3, atol=1e-3)
    for i, level in enumerate(levels.tolist()):
        alone = uncertainty_of(prior).at(estimate[i : i + 1], level)
        torch.testing.assert_close(alone.apply(v[i : i + 1]), both.apply(v)[i : i + 1], rtol=1e-3, atol=1e-4)


def test_under_a_map_of_noise_the_noisier_side_is_less_sure():
    prior = Unknown(texture())
    estimate = texture().draw(1, generator_of(1))
    levels = torch.full((1, 1, SIDE, SIDE), 0.1)
    levels[..., SIDE // 2 :] = 0.5
    covariance = uncertainty_of(prior).at(estimate, levels)
    many = torch.zeros(200, 1, SIDE, SIDE)
    spread = covariance.draw(many, OwnNoise(generator_of(2), 200)).std(0)[0]
    assert spread[:, -12:].mean() > 1.5 * spread[:, :12].mean()


def test_colours_that_go_together_stay_together():
    """Two channels that are nearly the same: errors are mostly in what they share."""
    gaussian = texture(2)
    gaussian.spectrum[1] *= 0.01
    turn = torch.tensor([[1.0, 1.0], [-1.0, 1.0]]) / 2**0.5
    prior = Unknown(gaussian, turn)
    estimate = torch.full((400, 2, SIDE, SIDE), 0.5)
    drawn = uncertainty_of(prior).at(estimate, 1.0).draw(estimate, OwnNoise(generator_of(2), 400))
    correlation = torch.corrcoef(drawn.movedim(1, 0).flatten(1))[0, 1]
    assert correlation > 0.6


def test_it_is_measured_anew_when_the_weights_have_changed_and_only_then():
    torch.manual_seed(0)
    prior = LearnedPrior("tiny", 1, 1.0)
    estimate = torch.randn(1, 1, 32, 32, generator=generator_of(0))

    def now():
        return uncertainty_of(prior).at(estimate, 0.3).spectrum

    before = now()
    assert torch.equal(before, now())
    with torch.no_grad():
        prior.network.head.bias.add_(0.5)
    assert not torch.allclose(before, now())


def test_a_prior_of_neighbouring_slices_is_measured_on_volumes():
    torch.manual_seed(0)
    prior = LearnedPrior("tiny", 1, 1.0, neighbours=1)
    volume = torch.randn(1, 1, 3, 32, 32, generator=generator_of(0))
    covariance = uncertainty_of(prior).at(volume, 0.3)
    assert covariance.apply(volume).shape == volume.shape
    assert covariance.draw(volume, OwnNoise(generator_of(1), 1)).shape == volume.shape


def test_a_network_that_makes_no_images_is_measured_without_nan():
    torch.manual_seed(0)
    prior = LearnedPrior("tiny", 1, 1.0)
    with torch.no_grad():
        prior.network.head.bias.fill_(float("nan"))
    measured = measure(prior)
    assert torch.isfinite(measured.lines).all()
    assert torch.isfinite(measured.power).all()


def test_it_is_a_covariance_on_a_part_of_its_torus():
    covariance = Covariance(torch.rand(1, 1, 40, 21, generator=generator_of(0)), (40, 40))
    v = torch.randn(20, 1, 30, 30, generator=generator_of(1))
    assert ((v * covariance.apply(v)).sum((1, 2, 3)) > 0).all()
