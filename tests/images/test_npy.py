"""Bare arrays: mapped and never unpickled."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emdiff_app.errors import StackError
from emdiff_app.images import open_stack


def test_planes_come_from_the_map_and_outlive_it(tmp_path):
    pixels = np.arange(9 * 5 * 6, dtype=">u2").reshape(9, 5, 6)
    np.save(tmp_path / "a.npy", pixels)
    with open_stack(tmp_path / "a.npy") as stack:
        assert (stack.axes, stack.dtype, len(stack.warnings)) == ("ZYX", np.dtype("uint16"), 1)
        plane = stack.plane((3,))
    (tmp_path / "a.npy").write_bytes(b"")
    np.testing.assert_array_equal(plane, pixels[3])


def test_fortran_order(tmp_path):
    pixels = np.asfortranarray(np.random.default_rng(0).normal(size=(7, 5, 6)))
    np.save(tmp_path / "a.npy", pixels)
    with open_stack(tmp_path / "a.npy", axes="TYX") as stack:
        np.testing.assert_array_equal(stack.numpy(), pixels)


@pytest.mark.parametrize(("axes", "expected"), [("YXS", "YXS"), ("YXC", "CYX")])
def test_a_short_last_axis_must_be_named(tmp_path, axes, expected):
    pixels = np.random.default_rng(0).integers(0, 9, (8, 9, 3)).astype(np.uint8)
    np.save(tmp_path / "a.npy", pixels)
    with pytest.raises(StackError, match="--axes YXS or --axes YXC"):
        open_stack(tmp_path / "a.npy")
    with open_stack(tmp_path / "a.npy", axes=axes) as stack:
        assert stack.axes == expected
        np.testing.assert_array_equal(stack.numpy(), pixels.transpose([axes.index(a) for a in expected]))


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([{"code": print}], dtype=object), "readable"),
        (np.zeros((4, 4), [("a", "u1"), ("b", "f4")]), "not real numbers"),
        (np.zeros((4, 4), "U5"), "not real numbers"),
        (np.zeros((4, 4), complex), "not real numbers"),
        (np.zeros(5), "two axes"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path, array, words):
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(StackError, match=words):
        open_stack(tmp_path / "a.npy")


def test_several_arrays_in_one_file_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.zeros((4, 4)))
    with pytest.raises(StackError, match=r"numpy\.save"):
        open_stack(tmp_path / "a.npz")


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_files_never_crash(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "fuzz.npy"
    np.save(path, np.ones((3, 9, 8), np.uint16))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(6, 127))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))])
    with contextlib.suppress(StackError), open_stack(path) as stack:
        stack.numpy()
