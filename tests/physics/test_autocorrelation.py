"""The autocorrelation of residuals: that of chance is near zero, that of structure is not."""

import pytest
import torch

from emdiff_app.physics.autocorrelation import autocorrelation


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def largest(found):
    return max((abs(c) for values in found.values() for c in values), default=0.0)


def test_white_noise_is_white_at_every_lag():
    found = autocorrelation(noise(4, 1, 64, 64))
    assert set(found) == {"Y", "X"}
    assert len(found["X"]) == 5
    assert 0 < largest(found) < 4 / (4 * 64 * 64) ** 0.5


def test_a_moving_average_is_found_with_its_own_correlation():
    white = noise(1, 1, 200, 201)
    found = autocorrelation((white[..., 1:] + white[..., :-1]) / 2**0.5)
    assert found["X"][0] == pytest.approx(0.5, abs=0.02)
    assert abs(found["Y"][0]) < 0.02


def test_missing_pixels_do_not_count_whatever_they_hold():
    white = noise(1, 1, 128, 129)
    r = (white[..., 1:] + white[..., :-1]) / 2**0.5
    observed = torch.rand(1, 1, 128, 128, generator=torch.Generator().manual_seed(1)) < 0.5
    found = autocorrelation(torch.where(observed, r, torch.nan))
    assert found["X"][0] == pytest.approx(0.5, abs=0.04)
    assert found == autocorrelation(torch.where(observed, r, 9e9), observed=observed)


def test_a_constant_misfit_is_not_taken_for_structure():
    assert largest(autocorrelation(noise(2, 1, 64, 64) + 3)) < 0.05


def test_volumes_have_three_axes_and_nothing_to_compare_is_no_failure():
    assert set(autocorrelation(noise(1, 1, 4, 16, 16))) == {"Z", "Y", "X"}
    assert largest(autocorrelation(torch.full((1, 1, 8, 8), torch.nan))) == 0
