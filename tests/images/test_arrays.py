"""Array-likes as stacks: whatever a viewer holds, in whatever order."""

import itertools

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from emdiff_app.errors import StackError
from emdiff_app.images import AXES, PixelSize, stack_from_array
from emdiff_app.images.arrays import axis_letter

ORDERS = [p for n in range(2, 6) for p in map("".join, itertools.permutations("TCZYX", n)) if {*"YX"} <= {*p}]


@given(st.sampled_from(ORDERS), st.data())
def test_any_order_of_axes_gives_the_same_stack(order, data):
    sizes = {"T": 2, "C": 3, "Z": 4, "Y": 5, "X": 6}
    pixels = np.arange(np.prod([sizes[a] for a in order])).reshape([sizes[a] for a in order])
    stack = stack_from_array(pixels, order)
    assert stack.axes == "".join(sorted(order, key=AXES.index))
    expected = pixels.transpose([order.index(a) for a in stack.axes])
    np.testing.assert_array_equal(stack.numpy(), expected)
    key = tuple(data.draw(st.one_of(st.integers(0, n - 1), st.slices(n))) for n in stack.shape)
    np.testing.assert_array_equal(stack[key], expected[key])
    index = tuple(n - 1 for n in stack.shape[:-2])
    np.testing.assert_array_equal(stack.region(index, slice(1, 4), slice(0, 2)), expected[index][1:4, 0:2])


def test_dask_stays_lazy():
    array = pytest.importorskip("dask.array")
    read = []

    def block(block_info=None):
        read.append(block_info[None]["chunk-location"])
        return np.full((1, 8, 8), block_info[None]["chunk-location"][0])

    lazy = array.map_blocks(block, chunks=((1,) * 5, (8,), (8,)), dtype=int, meta=np.empty((0, 0, 0), int))
    stack = stack_from_array(lazy, "ZYX")
    assert not read
    assert stack.plane((3,)).max() == 3
    assert read == [(3, 0, 0)]


def test_zarr_arrays(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 9, (4, 5, 6, 3)).astype(np.uint8)
    array = zarr.create_array(tmp_path / "a.zarr", data=pixels)
    stack = stack_from_array(array, "ZYXS")
    np.testing.assert_array_equal(stack.numpy(), pixels)
    assert (stack.plane_axes, stack.dtype) == ("YXS", np.uint8)


def test_named_dimensions_are_taken_at_their_word():
    class Named:
        """As much of an xarray.DataArray as matters."""

        dims = ("x", "time", "Y")
        values = np.arange(24).reshape(2, 3, 4)
        shape, dtype = values.shape, values.dtype

        def __getitem__(self, key):
            return self.values[key]

    stack = stack_from_array(Named())
    assert stack.axes == "TYX"
    np.testing.assert_array_equal(stack.numpy(), Named.values.transpose(1, 2, 0))


@pytest.mark.parametrize(
    ("name", "letter"),
    [("Time", "T"), ("z", "Z"), ("channel", "C"), ("height", "Y"), ("rgb", "S"), ("angle", None)],
)
def test_names_of_axes(name, letter):
    assert axis_letter(name) == letter


def test_words_are_carried():
    sizes = {"Y": PixelSize(0.1), "X": PixelSize(0.1)}
    stack = stack_from_array(np.zeros((2, 4, 4)), "CYX", pixel_size=sizes, channels=["a", "b"], name="layer")
    assert (stack.pixel_size, stack.channels, stack.name) == (sizes, ("a", "b"), "layer")
    assert stack.channel("b").channels == ("b",)


@pytest.mark.parametrize(
    ("array", "axes", "words"),
    [
        (np.zeros((3, 4, 5)), None, "can't tell"),
        (np.zeros((4, 5)), "ZYX", "do not fit"),
        (np.zeros((4, 5)), "ZY", "do not fit"),
        (np.zeros((4, 5, 5)), "YYX", "do not fit"),
        (np.zeros((4, 5, 5)), "QYX", "not among"),
        (np.zeros((4, 5), complex), "YX", "not pixels"),
        (np.zeros((4, 5), object), "YX", "not pixels"),
    ],
)
def test_what_cannot_be_a_stack_is_said(array, axes, words):
    with pytest.raises(StackError, match=words):
        stack_from_array(array, axes)


@pytest.mark.parametrize(("asked", "found"), [("488", 1), ("405", 0), (1, 1), ("0", 0), ("2", 2), ("TL", 2)])
def test_a_channel_by_name_or_number_and_names_come_first(asked, found):
    data = np.arange(3 * 4 * 4).reshape(3, 4, 4)
    stack = stack_from_array(data, "CYX", channels=["405", "488", "TL"])
    np.testing.assert_array_equal(stack.channel(asked).numpy(), data[found])


@pytest.mark.parametrize("asked", ["561", 3, -1, "-1", "dapi"])
def test_a_channel_that_is_not_there_is_refused_with_those_that_are(asked):
    stack = stack_from_array(np.zeros((2, 4, 4)), "CYX", channels=["405", "488"])
    with pytest.raises(StackError, match=r"it has 0 \(405\), 1 \(488\)"):
        stack.channel(asked)
