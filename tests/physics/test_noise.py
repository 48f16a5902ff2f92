"""Noise: simulated moments, the likelihood against its definition, and that batches may be cut anywhere."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from scipy.stats import norm, poisson

from emdiff_app.images import IntensityScale
from emdiff_app.physics.noise import GaussianNoise, NoiseSpec, PoissonGaussianNoise, bind_noise

CAMERAS = [(100.0, 2.2, 1.6), (0.0, 1.0, 0.0), (16.0, 28.0, 6.0), (0.0, 1.0, 8.0), (-3.0, 0.05, 0.01)]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("offset", "gain", "read"), CAMERAS)
@pytest.mark.parametrize("photons", [0.0, 0.3, 4.0, 200.0])
def test_simulated_mean_and_variance_are_the_stated_ones(offset, gain, read, photons):
    noise = PoissonGaussianNoise(offset=offset, gain=gain, read_noise=read)
    level = torch.full((4, 1, 200, 200), offset + gain * photons, dtype=torch.float64)
    y = noise.simulate(level, generator())
    variance = gain**2 * photons + read**2
    assert float(noise.variance(level)[0, 0, 0, 0]) == pytest.approx(variance, rel=1e-6, abs=1e-9)
    assert float(y.mean() - level.mean()) == pytest.approx(0, abs=5 * (variance / y.numel()) ** 0.5 + 1e-9)
    # Var[s^2] = (mu4 - sigma^4) / n, with the fourth moment of this noise
    fourth = gain**4 * photons + 3 * variance**2
    assert float(y.var()) == pytest.approx(variance, abs=5 * (fourth / y.numel()) ** 0.5 + 1e-9)


def test_photons_come_in_whole_numbers():
    noise = PoissonGaussianNoise(offset=10, gain=3)
    y = noise.simulate(torch.full((2, 1, 50, 50), 25.0), generator())
    counts = (y - 10) / 3
    assert torch.equal(counts, counts.round())
    assert counts.min() >= 0


def test_gaussian_noise_is_the_same_everywhere():
    noise = GaussianNoise(sigma=3)
    level = torch.linspace(-50, 1000, 200 * 200).reshape(1, 1, 200, 200)
    y = noise.simulate(level, generator())
    assert float((y - level).std()) == pytest.approx(3, rel=0.02)
    assert noise.variance(level).unique().tolist() == [9.0]


def test_an_image_gets_the_same_noise_in_any_batch():
    noise = PoissonGaussianNoise(offset=10, gain=2, read_noise=3)
    level = 10 + 40 * torch.rand(6, 1, 16, 16, generator=generator(1))
    whole = noise.simulate(level, generator())
    other = level.clone()
    other[0] *= 7  # what a neighbour holds must not matter
    g = generator()
    parts = torch.cat([noise.simulate(other[:2], g), noise.simulate(other[2:], g)])
    assert torch.equal(whole[1:], parts[1:])
    assert not torch.equal(whole[1], whole[2])


def test_a_batch_with_a_noise_for_each_image():
    specs = [PoissonGaussianNoise(offset=5, gain=2, read_noise=1), GaussianNoise(sigma=4)]
    both = bind_noise(specs)
    level = 20 + 50 * torch.rand(2, 1, 24, 24, generator=generator(1))
    drawn = both.simulate(level, generator())
    likely = both.log_likelihood(drawn, level)
    first, second = generator(), generator()
    specs[1].simulate(level[:1], second)  # takes the seed of the first image
    assert torch.allclose(drawn[:1], specs[0].simulate(level[:1], first))
    assert torch.allclose(drawn[1:], specs[1].simulate(level[1:], second))
    for i, spec in enumerate(specs):
        assert torch.allclose(both.variance(level)[i], torch.as_tensor(spec.variance(level[i])))
        assert torch.allclose(likely[i], spec.log_likelihood(drawn[i], level[i]), atol=1e-5)


@pytest.mark.parametrize(("gain", "read"), [(2.0, 0.6), (1.0, 1.0), (3.0, 3.1), (1.0, 4.0), (28.0, 40.0)])
@pytest.mark.parametrize("photons", [0.01, 0.5, 3.0, 40.0, 400.0])
def test_the_likelihood_is_that_of_the_poisson_sum(gain, read, photons):
    noise = PoissonGaussianNoise(offset=100, gain=gain, read_noise=read)
    spread = np.sqrt(photons + (read / gain) ** 2)
    z = np.linspace(photons - 4 * spread, photons + 5 * spread, 60)
    k = np.arange(1500)
    density = (poisson.pmf(k, photons) * norm.pdf(z[:, None], k, read / gain)).sum(1) / gain
    level = torch.full((60,), 100 + gain * photons, dtype=torch.float64)
    found = noise.log_likelihood(torch.from_numpy(100 + gain * z), level)
    assert np.abs(found.numpy() - np.log(density)).max() < 5e-3


@pytest.mark.parametrize("read", [0.5, 3.0])
def test_the_likelihood_can_be_followed_uphill(read):
    noise = PoissonGaussianNoise(offset=0, gain=1, read_noise=read)
    y = torch.tensor([0.2, 3.0, 17.5], dtype=torch.float64)
    level = torch.tensor([1.0, 2.0, 20.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda at: noise.log_likelihood(y, at), (level,))


@given(
    st.floats(-100, 1000), st.floats(0.01, 100), st.floats(0, 100), st.floats(-50, 50), st.floats(0.01, 1e4)
)
def test_scaled_noise_is_the_same_noise(offset, gain, read, o, g):
    noise = PoissonGaussianNoise(offset=offset, gain=gain, read_noise=read)
    scale = IntensityScale(offset=o, gain=g)
    scaled = noise.scaled(scale)
    for level in (offset - 3, offset, offset + 17 * gain):
        variance = scaled.variance(scale.forward(level)) * g**2
        assert variance == pytest.approx(noise.variance(level), rel=1e-6, abs=1e-6 * (1 + gain * abs(offset)))
        assert scaled.photons(scale.forward(level)) == pytest.approx(noise.photons(level), rel=1e-6, abs=1e-6)
    assert GaussianNoise(sigma=read + 1).scaled(scale).sigma == pytest.approx((read + 1) / g)


def test_a_solver_may_ask_for_a_least_number_of_photons():
    noise = PoissonGaussianNoise(offset=100, gain=2)
    assert noise.variance(50.0) == 0
    assert noise.variance(50.0, floor=1.0) == 4
    assert np.array_equal(noise.variance(np.array([90.0, 110.0])), [0, 20])


def test_json_round_trip_and_refusals():
    adapter = TypeAdapter(NoiseSpec)
    for noise in (GaussianNoise(sigma=2), PoissonGaussianNoise(offset=100, gain=2.2, read_noise=1.6)):
        assert adapter.validate_json(json.dumps(noise.model_dump())) == noise
    for wrong in (
        {"kind": "gaussian", "sigma": 0},
        {"kind": "poisson-gaussian", "gain": -1},
        {"kind": "poisson-gaussian", "gain": 1, "readnoise": 2},
        {"kind": "poisson-gaussian", "gain": float("nan")},
        {"kind": "uniform"},
    ):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)
