"""Axes of files become axes of stacks: never a silent guess, and pixels stay where they were."""

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emdiff_app.errors import StackError
from emdiff_app.images import AXES, open_stack
from emdiff_app.images.axes import map_axes

# An order of axes as a file may have it: any of T, Z, C before the rows, samples after the columns or nowhere.
outer_orders = st.lists(st.sampled_from("TZC"), unique=True).map("".join)


@st.composite
def files(draw):
    axes = draw(outer_orders) + "YX" + draw(st.sampled_from(["", "S"]))
    shape = tuple(draw(st.integers(2, 5)) if a != "S" else draw(st.integers(3, 4)) for a in axes)
    return axes, shape


@given(files())
def test_known_axes_are_only_put_in_order(file):
    axes, shape = file
    mapped = map_axes(axes, shape)
    assert mapped.axes == "".join(a for a in AXES if a in axes)
    assert dict(zip(mapped.axes, mapped.stack_shape, strict=True)) == dict(zip(axes, shape, strict=True))
    assert mapped.warnings == ()


@given(files(), st.data())
def test_axes_of_length_one_leave_no_trace(file, data):
    axes, shape = file
    at = data.draw(st.integers(0, axes.index("Y")))
    extra = data.draw(st.sampled_from([a for a in "TZCIQRPV" if a not in axes]))
    longer = map_axes(axes[:at] + extra + axes[at:], (*shape[:at], 1, *shape[at:]))
    assert (longer.axes, longer.stack_shape) == (
        map_axes(axes, shape).axes,
        map_axes(axes, shape).stack_shape,
    )


@given(files(), st.data())
def test_what_the_user_says_wins(file, data):
    axes, shape = file
    unnamed = "Q" * axes.index("Y") + axes[axes.index("Y") :]
    mapped = map_axes(unnamed, shape, axes)
    assert mapped.letters == axes
    assert mapped.warnings == ()


@given(st.integers(5, 10**6), st.sampled_from("IQ"))
def test_a_long_unnamed_axis_is_depth_and_said(length, letter):
    mapped = map_axes(f"{letter}YX", (length, 8, 9))
    assert mapped.axes == "ZYX"
    assert len(mapped.warnings) == 1
    assert "--axes TYX" in mapped.warnings[0]


@pytest.mark.parametrize("length", [2, 3, 4])
def test_a_short_unnamed_axis_is_asked_about(length):
    with pytest.raises(StackError, match=r"depth, time or channels; say it with --axes ZYX"):
        map_axes("QYX", (length, 8, 9), name="cells.tif")
    # With colours known to be elsewhere it can hardly be colours.
    assert map_axes("QYXS", (length, 8, 9, 3)).axes == "ZYXS"


@pytest.mark.parametrize(
    ("found", "shape", "says"),
    [
        ("QIYX", (6, 7, 8, 9), "say it with --axes"),
        ("RYX", (6, 8, 9), "position"),
        ("ZZYX", (6, 7, 8, 9), "which axis is which"),
        ("TZ", (6, 7), "which axis is which"),
        ("QTZCYX", (5, 5, 5, 5, 8, 9), "cannot hold"),
    ],
)
def test_axes_that_cannot_be_known_are_refused(found, shape, says):
    with pytest.raises(StackError, match=says):
        map_axes(found, shape)


@pytest.mark.parametrize("override", ["ZZYX", "YX", "ZYXQ", "TZCYX", "ZTCX", ""])
def test_overrides_that_do_not_fit_are_refused(override):
    with pytest.raises(StackError, match="--axes"):
        map_axes("QTYX", (6, 7, 8, 9), override)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files(), st.integers(0, 2**32 - 1))
def test_a_pixel_keeps_its_place(tmp_path, file, seed):
    axes, shape = file
    pixels = np.random.default_rng(seed).integers(0, 65535, shape).astype(np.uint16)
    path = tmp_path / "any.tif"
    tifffile.imwrite(
        path, pixels, metadata={"axes": axes}, photometric="rgb" if "S" in axes else "minisblack"
    )
    order = [axes.index(a) for a in AXES if a in axes]
    with open_stack(path) as stack:
        assert stack.axes == "".join(a for a in AXES if a in axes)
        np.testing.assert_array_equal(stack.numpy(), pixels.transpose(order))
