"""Unconditional samples have the statistics of the prior that drew them."""

import numpy as np
import pytest
import torch

from emdiff_app.diffusion import GaussianPrior
from emdiff_app.priors import contact_sheet, draw_samples
from emdiff_app.priors.architectures import UNetArguments
from emdiff_app.priors.weights import build


@pytest.fixture
def gaussian():
    """A prior whose samples are known: half of the variance at low frequencies."""
    f = torch.fft.fftfreq(32).square()
    spectrum = (f[:, None] + f[None] + 0.01).reciprocal()[None]
    return GaussianPrior(0.25 * spectrum / spectrum.mean(), torch.tensor([0.6]))


def test_samples_have_the_power_and_the_mean_of_the_prior(gaussian):
    x = draw_samples(gaussian, 64, 32)
    assert float(x.mean()) == pytest.approx(0.6, abs=0.03)
    power = torch.fft.fft2(x - 0.6).abs().square().mean(0) / 32**2
    ratio = power / gaussian.spectrum
    assert float(ratio.mean()) == pytest.approx(1, abs=0.05)
    assert float(ratio[:, :4, :4].mean()) == pytest.approx(1, abs=0.15)


def test_every_channel_has_its_own_mean(gaussian):
    both = GaussianPrior(gaussian.spectrum.repeat(2, 1, 1), torch.tensor([0.6, -2.0]))
    means = draw_samples(both, 32, 32, steps=24).mean((0, 2, 3))
    torch.testing.assert_close(means, torch.tensor([0.6, -2.0]), atol=0.1, rtol=0)


def test_a_seed_gives_the_same_images_and_another_does_not(gaussian):
    first = draw_samples(gaussian, 2, 32, steps=6, seed=1)
    assert torch.equal(draw_samples(gaussian, 2, 32, steps=6, seed=1), first)
    assert not torch.equal(draw_samples(gaussian, 2, 32, steps=6, seed=2), first)


@pytest.mark.parametrize(("channels", "colour"), [(1, ()), (2, ()), (3, (3,))])
def test_a_sheet_shows_them_side_by_side_in_one_grey_scale(channels, colour):
    images = torch.stack([torch.full((channels, 8, 8), float(level)) for level in range(5)])
    sheet = contact_sheet(images, columns=3)
    assert sheet.shape == (2 * 8 + 2, 3 * 8 + 4, *colour)
    values = [int(sheet[4, 4 + 10 * i].max()) for i in range(3)]
    assert values == sorted(values)
    assert values[0] < values[1] < values[2]
    assert np.all(sheet[-1, -1] == 0)  # no sixth image


def test_a_prior_of_neighbouring_slices_shows_middle_slices():
    arguments = UNetArguments(channels=1, widths=(4, 8), down=(0, 1), up=(1,), neighbours=1)
    images = draw_samples(build(arguments, 1.0, 0.0), 2, 16, steps=3)
    assert images.shape == (2, 1, 16, 16)
    assert bool(torch.isfinite(images).all())
