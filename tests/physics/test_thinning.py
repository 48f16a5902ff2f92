"""Thinning: two halves with the right mean, the stated noise, and nothing in common but the scene."""

import pytest
import torch

from emdiff_app.errors import PhysicsError
from emdiff_app.physics import GaussianNoise, PoissonGaussianNoise, bind_noise, thin

CAMERAS = {
    "photons": PoissonGaussianNoise(offset=100, gain=2),
    "photons, little read noise": PoissonGaussianNoise(offset=0, gain=1, read_noise=0.1),
    "photons and read noise": PoissonGaussianNoise(offset=50, gain=3, read_noise=4),
    "mostly read noise": PoissonGaussianNoise(offset=0, gain=0.2, read_noise=2),
    "gaussian": GaussianNoise(sigma=5),
}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("photons", [0.5, 3.0, 50.0])
@pytest.mark.parametrize("share", [0.5, 0.8])
def test_halves_are_independent_and_of_the_right_mean(name, photons, share):
    noise = CAMERAS[name]
    own = noise.parameters()
    level = torch.full((8, 1, 200, 200), float(own.offset + own.gain * photons), dtype=torch.float64)
    halves = thin(noise.simulate(level, generator()), noise, generator(1), share=share)
    at = float(level[0, 0, 0, 0])
    for half, model in ((halves.first, halves.first_noise), (halves.second, halves.second_noise)):
        variance = float(model.variance(at))
        assert float(half.mean()) == pytest.approx(at, abs=5 * (variance / half.numel()) ** 0.5)
        assert float(half.var()) == pytest.approx(variance, rel=0.05)
    a, b = halves.first - at, halves.second - at
    product = a * b
    error = float(product.std()) / product.numel() ** 0.5
    # The Gaussian-equivalent split is an approximation in the dark; it may leave 1 % of the variance in common.
    assert abs(float(product.mean())) < 5 * error + 0.01 * float(own.variance(at))
    assert abs(float((a * b.roll(1, -1)).mean())) < 5 * error


def test_the_weighted_mean_of_the_halves_is_the_image():
    noise = PoissonGaussianNoise(offset=50, gain=3, read_noise=4)
    y = noise.simulate(torch.full((2, 1, 64, 64), 150.0, dtype=torch.float64), generator())
    for share in (0.5, 0.7):
        halves = thin(y, noise, generator(1), share=share)
        assert torch.allclose(share * halves.first + (1 - share) * halves.second, y)


def test_structure_does_not_leak_between_the_halves():
    """Next to bright things the noise of dark pixels is still split by what is there."""
    noise = PoissonGaussianNoise(offset=0, gain=1, read_noise=0.5)
    level = torch.full((400, 1, 32, 32), 0.5, dtype=torch.float64)
    level[..., 12:20, 12:20] = 60.0
    halves = thin(noise.simulate(level, generator()), noise, generator(1))
    common = ((halves.first - level) * (halves.second - level)).mean(0)[0] / noise.variance(level)[0, 0]
    assert float(common[16, 16].abs()) < 0.25
    assert abs(float(common.mean())) < 0.02


def test_each_image_keeps_its_noise_model_in_a_batch():
    both = bind_noise([PoissonGaussianNoise(gain=2), GaussianNoise(sigma=4)])
    level = torch.full((2, 1, 128, 128), 40.0)
    y = both.simulate(level, generator())
    halves = thin(y, both, generator(1))
    assert halves.first_noise.gain.flatten().tolist() == [4, 0]
    assert float(halves.first[0].var()) == pytest.approx(160, rel=0.05)
    assert float(halves.first[1].var()) == pytest.approx(32, rel=0.05)
    assert torch.equal(
        halves.first[:1], thin(y[:1], bind_noise([PoissonGaussianNoise(gain=2)]), generator(1)).first
    )


def test_a_share_that_is_none_is_refused():
    with pytest.raises(PhysicsError, match="between 0 and 1"):
        thin(torch.zeros(1, 1, 8, 8), GaussianNoise(sigma=1), generator(), share=1.0)


@pytest.mark.parametrize(
    "noise", [GaussianNoise(sigma=3), PoissonGaussianNoise(offset=100, gain=2, read_noise=4)]
)
def test_pixels_that_are_not_numbers_are_missing_in_both_halves_and_to_their_neighbours(noise):
    level = torch.full((1, 1, 40, 40), 130.0)
    y = noise.parameters().simulate(level, torch.Generator().manual_seed(0))
    missing = torch.zeros(y.shape, dtype=torch.bool)
    missing[..., ::3, ::2] = True
    wild = torch.where(missing, torch.tensor(torch.inf), y)
    holed = torch.where(missing, torch.tensor(torch.nan), y)
    halves = [thin(image, noise, torch.Generator().manual_seed(1)) for image in (holed, wild)]
    for half in (halves[0].first, halves[0].second):
        assert bool((half.isnan() == missing).all())
        assert float(half[~missing].mean()) == pytest.approx(130, abs=1)
    assert torch.equal(halves[0].first[~missing], halves[1].first[~missing])
    both = (halves[0].first - 130)[~missing] * (halves[0].second - 130)[~missing]
    assert abs(float(both.mean())) < 0.15 * float(halves[0].first[~missing].var())
