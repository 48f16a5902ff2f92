"""The generalised Anscombe transform: noise of variance one, and a way back without bias."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emdiff_app.physics import Anscombe, GaussianNoise, PoissonGaussianNoise

DRAWS = 1_000_000


def drawn(photons, read, offset=30.0, gain=3.0, seed=0):
    rng = np.random.default_rng(seed)
    return offset + gain * (rng.poisson(photons, DRAWS) + read * rng.standard_normal(DRAWS))


@pytest.mark.parametrize("read", [0.0, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("photons", [1.0, 2.0, 5.0, 20.0, 150.0, 260.0, 3000.0])
def test_the_inverse_is_unbiased_to_a_percent_from_one_photon_upward(photons, read):
    transform = Anscombe(PoissonGaussianNoise(offset=30, gain=3, read_noise=3 * read))
    stable = transform.forward(drawn(photons, read))
    back = (transform.inverse(stable.mean()) - 30) / 3
    # what the mean of the draws leaves unknown, added to the percent
    chance = 3 * np.sqrt(photons + read**2) / np.sqrt(DRAWS)
    assert abs(back - photons) < 0.01 * photons + chance


@pytest.mark.parametrize("read", [0.0, 1.0])
@pytest.mark.parametrize("photons", [5.0, 50.0])
def test_the_noise_gets_a_standard_deviation_of_one(photons, read):
    transform = Anscombe(PoissonGaussianNoise(offset=30, gain=3, read_noise=3 * read))
    assert transform.forward(drawn(photons, read)).std() == pytest.approx(1, abs=0.03)


def test_the_algebraic_inverse_would_be_biased_where_ours_is_not():
    transform = Anscombe(PoissonGaussianNoise(gain=1))
    mean = transform.forward(drawn(2.0, 0, offset=0, gain=1)).mean()
    assert (mean / 2) ** 2 - 3 / 8 < 1.85
    assert transform.inverse(mean) == pytest.approx(2, rel=0.01)


@given(st.floats(0, 5), st.floats(0.01, 100))
def test_the_inverse_grows_with_what_it_is_given(read, gain):
    transform = Anscombe(PoissonGaussianNoise(offset=5, gain=gain, read_noise=read * gain))
    back = transform.inverse(np.linspace(-1, 60, 2000))
    assert (np.diff(back) >= 0).all()
    assert back[0] == pytest.approx(5)


def test_tensors_give_what_arrays_give():
    transform = Anscombe(PoissonGaussianNoise(offset=30, gain=3, read_noise=2))
    y = drawn(40.0, 2 / 3)[:1000].reshape(2, 500)
    stable = transform.forward(torch.from_numpy(y))
    assert np.allclose(stable.numpy(), transform.forward(y))
    assert np.allclose(transform.inverse(stable).numpy(), transform.inverse(stable.numpy()))
    assert np.isscalar(transform.inverse(3.0)) or transform.inverse(3.0).ndim == 0


def test_gaussian_noise_is_only_divided():
    transform = Anscombe(GaussianNoise(sigma=4))
    assert transform.forward(8.0) == 2
    assert transform.inverse(2.0) == 8
