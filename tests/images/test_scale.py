"""The intensity scale: one map for a dataset, undone exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from emdiff_app.errors import StackError
from emdiff_app.images import IntensityScale, stack_from_array

offsets = st.floats(-1e4, 1e4)
gains = st.floats(1e-3, 1e5)


@given(offsets, gains, st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_the_inverse_undoes_it(offset, gain, values):
    scale = IntensityScale(offset=offset, gain=gain)
    recorded = np.array(values)
    back = scale.inverse(scale.forward(recorded))
    # Relative to the numbers that were added: what is lost below them cannot be kept.
    size = np.maximum(np.abs(recorded), abs(offset))
    # Numbers below the smallest normal one have fewer digits.
    assert np.all(np.abs(back - recorded) <= 1e-9 * size + np.finfo(float).tiny)


@given(offsets, gains, st.floats(-1e5, 1e5), st.floats(1e-2, 1e5))
def test_brighter_stays_brighter(offset, gain, value, more):
    scale = IntensityScale(offset=offset, gain=gain)
    assert scale.forward(value + more) > scale.forward(value)


@given(offsets, gains)
def test_it_survives_json(offset, gain):
    scale = IntensityScale(offset=offset, gain=gain)
    assert IntensityScale.model_validate_json(scale.model_dump_json()) == scale


@pytest.mark.parametrize(("offset", "gain"), [(0, 0), (0, -1), (0, np.inf), (np.nan, 1)])
def test_maps_that_cannot_be_undone_are_refused(offset, gain):
    with pytest.raises(ValidationError):
        IntensityScale(offset=offset, gain=gain)


def planes(*levels, size=64, seed=0):
    rng = np.random.default_rng(seed)
    return np.stack([level + rng.normal(size=(size, size)) for level in levels]).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(st.floats(-1e3, 1e3), st.floats(0.1, 1e3), st.integers(0, 100))
def test_it_follows_the_units_of_the_camera(shift, factor, seed):
    """Measured in other grey levels, the same images get the same scaled values."""
    pixels = planes(10, 30, 50).astype(np.float64)
    own = IntensityScale.fit([stack_from_array(pixels, "ZYX")], seed=seed)
    other = IntensityScale.fit([stack_from_array(pixels * factor + shift, "ZYX")], seed=seed)
    np.testing.assert_allclose(other.forward(pixels * factor + shift), own.forward(pixels), atol=1e-6)


def test_one_map_for_all_planes_and_stacks():
    dim, bright = stack_from_array(planes(10, 20), "ZYX"), stack_from_array(planes(1000), "ZYX")
    scale = IntensityScale.fit([dim, bright])
    means = [float(scale.forward(p).mean()) for p in (*dim[:], *bright[:])]
    assert means[0] < means[1] < 0.05
    assert means[2] == pytest.approx(1, abs=0.01)


def test_the_camera_offset_is_removed_first():
    pixels = planes(110, 200)
    scale = IntensityScale.fit([stack_from_array(pixels, "ZYX")], offset=100)
    assert scale.offset == 100
    assert scale.forward(100.0) == 0
    assert scale.inverse(1.0) == pytest.approx(np.percentile(pixels, 99.5), rel=1e-6)


def test_the_same_seed_gives_the_same_scale():
    stack = stack_from_array(planes(*range(10, 30), size=100), "ZYX")
    fits = [IntensityScale.fit([stack], planes=5, pixels=500, seed=seed) for seed in (1, 1, 2)]
    assert fits[0] == fits[1] != fits[2]


def test_few_outliers_do_not_move_it():
    pixels = planes(100, 200)
    clean = IntensityScale.fit([stack_from_array(pixels, "ZYX")])
    pixels[:, 0, :4] = 1e9
    hot = IntensityScale.fit([stack_from_array(pixels, "ZYX")])
    assert hot.gain == pytest.approx(clean.gain, rel=0.01)


@pytest.mark.parametrize("value", [0, 7.5])
def test_constant_images_are_refused(value):
    with pytest.raises(StackError, match="constant"):
        IntensityScale.fit([stack_from_array(np.full((8, 8), value, np.float32))])


def test_images_without_any_number_are_refused_and_single_ones_skipped():
    empty = np.full((8, 8), np.nan, np.float32)
    with pytest.raises(StackError, match="no finite values"):
        IntensityScale.fit([stack_from_array(empty)])
    spoiled = planes(10, 20)
    spoiled[0, :3] = np.nan
    spoiled[1, 5, 5] = np.inf
    assert np.isfinite(IntensityScale.fit([stack_from_array(spoiled, "ZYX")]).gain)


def test_no_images_at_all_are_refused():
    with pytest.raises(StackError, match="at least one"):
        IntensityScale.fit([])


class Huge:
    """A plane of 40000 x 40000 pixels that would not fit the memory of a small computer."""

    shape, dtype = (40_000, 40_000), np.dtype(np.float32)
    asked = 0

    def __getitem__(self, key):
        rows, columns = (range(40_000)[part] for part in key)
        self.asked += len(rows) * len(columns)
        return np.broadcast_to(
            np.arange(rows.start, rows.stop, dtype=np.float32)[:, None], (len(rows), len(columns))
        )


def test_huge_planes_are_not_read_whole():
    huge = Huge()
    scale = IntensityScale.fit([stack_from_array(huge, "YX")], pixels=1 << 20)
    assert huge.asked < 8 << 20
    assert scale.offset == pytest.approx(0.005 * 40_000, abs=700)
    assert scale.inverse(1.0) == pytest.approx(0.995 * 40_000, abs=700)
