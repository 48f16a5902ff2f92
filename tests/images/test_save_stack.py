"""Saving never harms what is there, says what it cannot do, and counts what it had to change."""

import errno
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from emdiff_app.errors import StackError
from emdiff_app.images import PixelSize, open_stack, save_stack, stack_from_array
from emdiff_app.images.atomic import replacing, write_bytes
from emdiff_app.images.saving.casting import Casting

ENDINGS = [".ome.tif", ".tif", ".zarr", ".npy"]


class Planes:
    """A reader whose planes are made when they are asked for, as a restoration's are."""

    def __init__(self, shape, fail_at=None, error=None):
        self.shape, self.fail_at, self.error, self.read_count = shape, fail_at, error, 0

    def read(self, index):
        self.read_count += 1
        if self.read_count == self.fail_at:
            raise self.error
        return np.full(self.shape, index[0], np.float32)

    def read_region(self, index, rows, columns):
        return self.read(index)[rows, columns]

    def close(self):
        pass


def restoration(fail_at=None, error=None, planes=4):
    stack = stack_from_array(np.zeros((planes, 8, 8), np.uint16), "ZYX", name="cells.tif")
    return stack.with_reader(Planes((8, 8), fail_at, error), "float32")


@pytest.mark.parametrize("ending", ENDINGS)
def test_planes_made_on_the_fly_are_written_once_each_and_in_order(tmp_path, ending):
    stack, seen = restoration(), []
    saved = save_stack(
        stack, tmp_path / f"out{ending}", on_plane=lambda done, total: seen.append((done, total))
    )
    assert stack.reader.read_count == 4
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert (saved.path, saved.planes) == (tmp_path / f"out{ending}", 4)
    with open_stack(saved.path, axes="ZYX") as back:
        assert [back.plane((z,)).max() for z in range(4)] == [0, 1, 2, 3]


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_existing_file_stays_unless_asked(tmp_path, ending):
    path = tmp_path / f"out{ending}"
    save_stack(restoration(), path)
    before = path.stat().st_mtime_ns
    with pytest.raises(StackError, match="already exists"):
        save_stack(restoration(), path)
    assert path.stat().st_mtime_ns == before
    save_stack(restoration(planes=2), path, overwrite=True)
    with open_stack(path, axes="ZYX") as back:
        assert back.sizes["Z"] == 2
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "disk is full"),
        (OSError(errno.EIO, os.strerror(errno.EIO)), "Input/output error"),
        (StackError("plane 3 is damaged."), "plane 3 is damaged"),
    ],
)
def test_an_error_half_way_leaves_nothing_behind(tmp_path, ending, error, words):
    path = tmp_path / f"out{ending}"
    write_bytes(path, b"old") if ending != ".zarr" else save_stack(restoration(), path)
    listed = sorted(tmp_path.rglob("*"))
    with pytest.raises(StackError, match=words):
        save_stack(restoration(fail_at=3, error=error), path, overwrite=True)
    assert sorted(tmp_path.rglob("*")) == listed


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_really_full_disk_is_said_in_one_sentence(tmp_path):
    with pytest.raises(StackError, match="disk is full"), replacing(tmp_path / "out.bin"):
        Path("/dev/full").write_bytes(b"x" * 100_000)
    assert not list(tmp_path.iterdir())


def test_too_little_space_is_said_before_anything_is_written(tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 100})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(StackError, match=r"needs .* GB"):
        save_stack(restoration(), tmp_path / "out.tif")
    assert not list(tmp_path.iterdir())


def test_a_stack_never_replaces_its_own_source(tmp_path):
    save_stack(restoration(), tmp_path / "a.ome.tif")
    content = (tmp_path / "a.ome.tif").read_bytes()
    with open_stack(tmp_path / "a.ome.tif") as stack:
        with pytest.raises(StackError, match="being read"):
            save_stack(stack, tmp_path / "a.ome.tif", overwrite=True)
        # Nor does a channel or another view of it, under another spelling of the name.
        (tmp_path / "link.ome.tif").symlink_to(tmp_path / "a.ome.tif")
        with pytest.raises(StackError, match="being read"):
            save_stack(stack, tmp_path / "link.ome.tif", overwrite=True)
    assert (tmp_path / "a.ome.tif").read_bytes() == content


def test_nor_a_file_of_its_own_series(tmp_path):
    for z in range(3):
        tifffile.imwrite(tmp_path / f"z{z}.tif", np.full((8, 8), z, np.uint8))
    with open_stack(tmp_path) as stack, pytest.raises(StackError, match="being read"):
        save_stack(stack, tmp_path / "z1.tif", overwrite=True)


@pytest.mark.parametrize(
    ("name", "dtype", "words"),
    [
        ("out.xyz", "same", "can't write this kind"),
        ("no/such/out.tif", "same", "does not exist"),
        ("out.tif", "purple", "no pixel type"),
        ("out.png", "same", "one plane of 8 or 16 bits"),
        ("out.ome.tif", "float16", "TIFF cannot hold"),
        ("out.tif", "complex64", "cannot be written as complex64"),
    ],
)
def test_what_cannot_be_written_is_said(tmp_path, name, dtype, words):
    with pytest.raises(StackError, match=words):
        save_stack(restoration(), tmp_path / name, dtype=dtype)
    assert not list(tmp_path.iterdir())


def test_colours_of_truth_values_are_refused(tmp_path):
    with pytest.raises(StackError, match="TIFF cannot hold"):
        save_stack(stack_from_array(np.ones((5, 5, 3), bool), "YXS"), tmp_path / "out.tif")


def test_a_unit_that_no_format_knows_is_refused(tmp_path):
    stack = restoration().with_(pixel_size={"X": PixelSize(1, "furlong")})
    for ending in (".ome.tif", ".zarr"):
        with pytest.raises(StackError, match="furlong"):
            save_stack(stack, tmp_path / f"out{ending}")
    assert not list(tmp_path.iterdir())


def test_more_than_a_classic_tiff_addresses_becomes_bigtiff(tmp_path, monkeypatch):
    monkeypatch.setattr("emdiff_app.images.saving.to_tiff._CLASSIC_LIMIT", 500)
    for name in ("a.ome.tif", "a.tif"):
        save_stack(restoration(), tmp_path / name)
        with tifffile.TiffFile(tmp_path / name) as file:
            assert file.is_bigtiff
            assert file.is_ome


def test_grey_levels_are_rounded_and_clipped_and_the_clipped_counted(tmp_path):
    pixels = np.array([[-3.2, -0.4, 0.5, 1.5], [254.6, 255.4, 255.6, np.inf]], np.float32)
    saved = save_stack(stack_from_array(pixels), tmp_path / "out.tif", dtype="uint8")
    assert saved.clipped_pixels == 3  # -3.2, 255.6 and infinity; 255.4 rounds to what fits
    np.testing.assert_array_equal(tifffile.imread(saved.path), [[0, 0, 0, 2], [255, 255, 255, 255]])


def test_pixels_that_are_not_numbers_have_no_grey_level(tmp_path):
    pixels = np.array([[1.0, np.nan], [np.nan, 2.0]], np.float32)
    with pytest.raises(StackError, match=r"2 pixels .*NaN"):
        save_stack(stack_from_array(pixels), tmp_path / "out.tif", dtype="uint16")
    save_stack(stack_from_array(pixels), tmp_path / "out.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), pixels)


INTEGERS = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(INTEGERS), st.sampled_from(["float32", "float64", "int64", "uint64", "int16"]), st.data()
)
def test_casting_is_the_nearest_value_that_fits(target, source, data):
    finite = {"allow_nan": False} if source.startswith("float") else {}
    values = data.draw(arrays(source, 20, elements=st_values(source, finite)))
    casting = Casting(source, target)
    limits = np.iinfo(target)
    beyond = {math.inf: limits.max + 1, -math.inf: limits.min - 1}
    exact = [beyond[v] if v in beyond else round(v) for v in values.tolist()]
    assert casting(values).tolist() == [min(max(v, limits.min), limits.max) for v in exact]
    assert casting.clipped == sum(not limits.min <= v <= limits.max for v in exact)


def st_values(source, finite):
    if source.startswith("float"):
        width = 32 if source == "float32" else 64
        return st.one_of(
            st.floats(width=width, **finite),
            st.sampled_from(
                [0.5, 1.5, -0.5, 127.5, 255.5, 65535.5, 2.0**31, 2.0**32, 2.0**63, 2.0**64, -(2.0**63)]
            ),
        )
    limits = np.iinfo(source)
    return st.one_of(st.integers(limits.min, limits.max), st.sampled_from([limits.min, limits.max, 0]))


def test_doubles_beyond_float32_are_clipped_and_counted():
    casting = Casting("float64", "float32")
    cast = casting(np.array([1e300, -1e300, np.inf, np.nan, 1.0]))
    assert casting.clipped == 2
    assert cast[0] == np.finfo(np.float32).max == -cast[1]
    assert np.isinf(cast[2])
    assert np.isnan(cast[3])


def test_files_appear_whole(tmp_path):
    with replacing(tmp_path / "a.json") as temporary:
        temporary.write_text("{}")
        assert not (tmp_path / "a.json").exists()
        assert temporary.parent == tmp_path
        assert temporary.name.endswith(".json")
    assert (tmp_path / "a.json").read_text() == "{}"

    def interrupted():
        with replacing(tmp_path / "a.json", overwrite=True) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (tmp_path / "a.json").read_text() == "{}"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


KILLED = """
import os, signal, sys
from pathlib import Path
from emdiff_app.images.atomic import replacing
with replacing(Path(sys.argv[1]), overwrite=True) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
"""


def test_what_a_killed_process_left_goes_with_the_next_write(tmp_path):
    path = tmp_path / "cells [1].txt"
    path.write_text("old")
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2
    with replacing(path, overwrite=True) as ours:
        ours.write_text("new")
        # Somebody who is still writing the same file is left alone.
        write_bytes(path, b"quicker")
        assert ours.read_text() == "new"
    assert [p.read_text() for p in tmp_path.iterdir()] == ["new"]
