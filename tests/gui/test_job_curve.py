"""A curve stays small however long a run is, and keeps what it shows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emdiff_app.gui.jobs import curve as module
from emdiff_app.gui.jobs.curve import Curve


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200), st.integers(2, 9))
def test_it_stays_small_and_in_order_and_within_what_was_recorded(values, half):
    full, module.FULL = module.FULL, 2 * half
    try:
        curve = Curve()
        for x, y in enumerate(values):
            curve.add(x, y)
        xs, ys = curve.arrays()
    finally:
        module.FULL = full
    assert 1 <= len(xs) <= 2 * half
    assert (np.diff(xs) > 0).all()
    assert min(values) - 1e-6 <= ys.min()
    assert ys.max() <= max(values) + 1e-6


def test_averaging_keeps_the_mean():
    values = np.random.default_rng(0).normal(size=module.FULL * 4)
    curve = Curve()
    for x, y in enumerate(values):
        curve.add(x, y)
    xs, ys = curve.arrays()
    assert curve.stride == 8
    assert ys.mean() == pytest.approx(values.mean(), abs=1e-12)
    assert len(xs) == len(values) // 8
