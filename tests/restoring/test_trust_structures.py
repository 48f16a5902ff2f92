"""The map of structures that the data do not support."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emdiff_app.restoring.trust.structures import find_structures

COUNT = 8


def samples(present: int, row: int = 20, column: int = 30):
    """Faint texture of its own in each sample, a spot in all of them, and another in the first `present`."""
    x = 0.02 * torch.randn(COUNT, 1, 1, 48, 48, generator=torch.Generator().manual_seed(0))
    x[..., 8:11, 8:11] += 1
    x[:present, ..., row : row + 3, column : column + 3] += 1
    return x


@settings(max_examples=20, deadline=None)
@given(present=st.integers(1, COUNT), row=st.integers(16, 40), column=st.integers(16, 40))
def test_a_spot_is_doubtful_exactly_where_fewer_than_half_of_the_samples_have_it(present, row, column):
    found = find_structures(samples(present, row, column))
    there = float(found.map[0, 0, row + 1, column + 1])
    assert there == pytest.approx(present / COUNT if present < COUNT / 2 else 0)
    assert found.map[0, 0, 9, 9] == 0  # the spot that all have
    assert (found.doubtful > 0.05) == (present < COUNT / 2)


def test_nothing_is_doubtful_where_all_samples_agree():
    one = torch.randn(1, 2, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    found = find_structures(one.expand(5, -1, -1, -1, -1))
    assert found.doubtful == 0
    assert not found.map.any()


def test_samples_that_share_nothing_are_all_doubtful():
    x = torch.nn.functional.avg_pool2d(
        torch.randn(12, 1, 64, 64, generator=torch.Generator().manual_seed(2)), 3, 1, 1
    )[:, None]
    assert find_structures(x).doubtful > 0.8


def test_flat_samples_have_no_structures():
    assert find_structures(torch.ones(4, 1, 1, 16, 16)).doubtful == 0


def test_a_dark_spot_in_place_of_a_bright_one_does_not_support_it():
    x = samples(COUNT)
    x[3:, ..., 20:23, 30:33] -= 2
    found = find_structures(x)
    assert found.map[0, 0, 21, 31] == pytest.approx(3 / COUNT)  # the bright ones; five dark ones are enough
