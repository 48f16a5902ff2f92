"""The estimate in one pass: nothing of a hidden pixel reaches its own prediction, and no direction is preferred."""

import pytest
import torch

from emdiff_app.diffusion import Batch, LearnedPrior
from emdiff_app.diffusion.anchors import HiddenPixels
from emdiff_app.diffusion.one_pass import one_pass
from emdiff_app.physics import NoiseParameters

CAMERA = NoiseParameters(offset=0.0, gain=0.05, read_noise=0.05)


@pytest.fixture
def prior():
    torch.manual_seed(0)
    made = LearnedPrior("tiny", 1, 0.3, 0.4, variance=True)
    for parameter in made.parameters():  # the last layers begin at zero and would answer nothing
        torch.nn.init.normal_(parameter, std=0.1)
    return made


def recorded(side=24):
    return torch.rand(1, 1, side, side, generator=torch.Generator().manual_seed(1))


def test_what_a_hidden_pixel_shows_does_not_change_its_prediction(prior):
    """Not even through the noise map of its neighbours, which is made from the light around them."""
    y = recorded()
    brighter = y.clone()
    brighter[0, 0, 8, 8] += 5.0
    hidden = torch.zeros(1, 1, 24, 24, dtype=torch.bool)
    hidden[..., ::4, ::4] = True
    term = HiddenPixels()
    one, other = (term.predicted(prior, Batch(recorded=v, noise=CAMERA), hidden) for v in (y, brighter))
    for a, b in zip(one, other, strict=True):
        assert torch.equal(a, b)


def test_a_turned_image_has_the_turned_estimate(prior):
    y = recorded()
    straight = one_pass(prior, Batch(recorded=y, noise=CAMERA))
    turned = one_pass(prior, Batch(recorded=torch.rot90(y, 1, (-2, -1)).flip(-1), noise=CAMERA))
    for a, b in zip(straight, turned, strict=True):
        assert torch.allclose(torch.rot90(a, 1, (-2, -1)).flip(-1), b, atol=1e-4)


def test_a_pixel_with_hardly_any_noise_is_believed(prior):
    y = recorded()
    mean, variance = one_pass(prior, Batch(recorded=y, noise=NoiseParameters(read_noise=1e-3)), ways=1)
    assert float((mean - y).abs().max()) < 0.02
    assert float(variance.max()) < 2e-6
