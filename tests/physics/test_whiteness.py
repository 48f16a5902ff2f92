"""Whiteness: chance passes, structure does not."""

import pytest
import torch

from emdiff_app.physics.whiteness import whiteness


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_white_noise_is_white_at_every_lag():
    found = whiteness(noise(4, 1, 64, 64))
    assert set(found.lags) == {"Y", "X"}
    assert len(found.lags["X"]) == 5
    assert found.white
    assert found.score == pytest.approx(1, abs=0.5)
    assert abs(found.largest) < 4 * found.error


def test_a_moving_average_is_found_with_its_own_correlation():
    white = noise(1, 1, 200, 201)
    found = whiteness((white[..., 1:] + white[..., :-1]) / 2**0.5)
    assert found.lags["X"][0] == pytest.approx(0.5, abs=0.02)
    assert abs(found.lags["Y"][0]) < 0.02
    assert not found.white


def test_missing_pixels_do_not_count_whatever_they_hold():
    r = noise(1, 1, 128, 128)
    observed = torch.rand(1, 1, 128, 128, generator=torch.Generator().manual_seed(1)) < 0.5
    spoiled = torch.where(observed, r, torch.nan)
    zeroed = torch.where(observed, r, 0.0)
    found = whiteness(spoiled)
    assert found.white
    assert found == whiteness(zeroed, observed=observed)
    assert found.error > whiteness(r).error * 1.5


def test_a_constant_misfit_is_not_taken_for_structure():
    assert whiteness(noise(2, 1, 64, 64) + 3).white


def test_volumes_have_three_axes_and_nothing_to_compare_is_no_failure():
    assert set(whiteness(noise(1, 1, 4, 16, 16)).lags) == {"Z", "Y", "X"}
    assert whiteness(torch.full((1, 1, 8, 8), torch.nan)).largest == 0
