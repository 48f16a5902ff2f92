"""Folders and patterns of planes: what the names say, what is missing, what does not fit."""

import itertools
import random

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from emdiff_app.errors import StackError
from emdiff_app.images import PixelSize, open_stack, save_stack, stack_from_array
from emdiff_app.images.folders.names import natural_key, parse_name


@pytest.mark.parametrize(
    ("name", "places", "rest"),
    [
        ("Mix_E07_s1_w1E94C24BD-45E4-450A-9919-257C714278F7", {"C": 1}, "Mix_E07_s1_*"),
        ("Mix_E07_s1_w427CCB2E4-1BF4-45E7-8BC7-264B48EF9C4A", {"C": 4}, "Mix_E07_s1_*"),
        ("img_channel001_position000_time000000002_z003", {"C": 1, "T": 2, "Z": 3}, "img_*_position000_*_*"),
        ("cell_z001_t0003_ch00", {"Z": 1, "T": 3, "C": 0}, "cell_*_*_*"),
        ("tubhiswt_C0", {"C": 0}, "tubhiswt_*"),
        ("exp_w2DIC_s1_t3", {"C": 2, "T": 3}, "exp_*_s1_*"),
        ("r01c03f01p01-ch2", {"C": 2}, "r01c03f01p01-*"),
        ("plate_C05_s1_w2", {"C": 2}, "plate_C05_s1_*"),
        ("AICS_12_134_C=2", {"C": 2}, "AICS_12_134_*"),
        ("Plt1_C16_w3_[E3E9B145-D9B7-49E1-8159-496F065708F7]", {"C": 3}, "Plt1_C16_*_[]"),
        ("t1z2c3", {"T": 1, "Z": 2, "C": 3}, "***"),
        ("img0001", {}, "img0001"),
        ("exp2_day3", {}, "exp2_day3"),
    ],
)
def test_names_of_common_instruments(name, places, rest):
    parsed = parse_name([name])
    assert (parsed.places, parsed.rest) == (places, rest)


def test_folders_are_part_of_the_name():
    assert parse_name(["ZStep_12", "a_w2"]).places == {"Z": 12, "C": 2}


@given(st.lists(st.integers(0, 10**6), unique=True, min_size=1), st.integers(1, 8))
def test_numbers_sort_as_numbers(numbers, width):
    names = [f"img_{n:0{width}d}.tif" for n in numbers]
    assert sorted(names, key=natural_key) == [f"img_{n:0{width}d}.tif" for n in sorted(numbers)]


@given(st.lists(st.text(), min_size=2))
def test_any_names_can_be_sorted_and_parsed(names):
    assert len(sorted(names, key=natural_key)) == len(names)
    for name in names:
        parse_name([name])


def write(folder, name, value, shape=(6, 7), dtype=np.uint16):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, np.full(shape, value, dtype))


@pytest.fixture
def series(tmp_path):
    """2 channels, 3 depths, 12 times, written in no order."""
    places = list(itertools.product(range(1, 3), range(3), range(12)))
    random.Random(0).shuffle(places)
    for c, z, t in places:
        write(tmp_path, f"cell_w{c}_z{z}_t{t}.tif", 100 * c + 20 * z + t)
    return tmp_path


def test_every_plane_finds_its_place(series):
    with open_stack(series) as stack:
        assert (stack.axes, stack.shape) == ("TCZYX", (12, 2, 3, 6, 7))
        assert (stack.channels, stack.warnings) == (("w1", "w2"), ())
        for t, c, z in stack.plane_indices():
            assert stack.plane((t, c, z)).max() == 100 * (c + 1) + 20 * z + t
        assert stack.region((11, 1, 2), slice(1, 3), slice(0, 5)).shape == (2, 5)
        assert stack.channel("w2").plane((0, 0)).max() == 200


def test_a_missing_plane_is_named_and_nothing_filled_in(series):
    (series / "cell_w2_z1_t10.tif").unlink()
    with pytest.raises(StackError, match=r"1 of 72 planes are missing, the first at T=10 C=2 Z=1"):
        open_stack(series)
    with open_stack(f"{series}/cell_w1*.tif") as stack:
        assert (stack.axes, stack.shape[:2]) == ("TZYX", (12, 3))


def test_the_same_plane_twice_is_refused(series):
    write(series, "cell_w01_z0_t0.tif", 1)
    with pytest.raises(StackError, match="are the same plane"):
        open_stack(series)


@pytest.mark.parametrize(
    ("shape", "dtype"), [((6, 8), np.uint16), ((6, 7), np.uint8), ((2, 6, 7), np.uint16)]
)
def test_the_odd_file_is_named(series, shape, dtype):
    write(series, "cell_w1_z2_t7.tif", 1, shape, dtype)
    with pytest.raises(StackError, match=r"cell_w1_z2_t7\.tif"):
        open_stack(series)


def test_the_odd_file_of_a_long_series_is_named_when_it_is_read(series, monkeypatch):
    monkeypatch.setattr("emdiff_app.images.folders.planes._CHECKED_AT_ONCE", 2)
    write(series, "cell_w1_z2_t7.tif", 1, (6, 8))
    with open_stack(series) as stack, pytest.raises(StackError, match=r"cell_w1_z2_t7\.tif"):
        stack.plane((7, 0, 2))


def test_depth_in_folders(tmp_path):
    for z in (1, 2, 10):
        write(tmp_path, f"ZStep_{z}/a_w1.tif", z)
        write(tmp_path, f"ZStep_{z}/a_w2.tif", 100 + z)
    with open_stack(tmp_path) as stack:
        assert (stack.axes, stack.shape) == ("CZYX", (2, 3, 6, 7))
        assert [int(stack.plane((0, z)).max()) for z in range(3)] == [1, 2, 10]
    write(tmp_path, "a_w1.tif", 0)
    with pytest.raises(StackError, match=r"1 images and also folders .*ZStep_\*"):
        open_stack(tmp_path)
    with open_stack(f"{tmp_path}/ZStep_*/a_w2.tif") as stack:
        assert (stack.axes, int(stack.plane((2,)).max())) == ("ZYX", 110)


def test_several_images_in_one_folder_are_named(tmp_path):
    for well, w in itertools.product(["A01", "B02"], [1, 2]):
        write(tmp_path, f"{well}_w{w}.tif", w)
    with pytest.raises(StackError, match=r"2 images and not one \(A01, B02\)") as caught:
        open_stack(tmp_path)
    pattern = str(caught.value).split("'")[1]
    with open_stack(pattern) as stack:
        assert (stack.axes, stack.shape) == ("CYX", (2, 6, 7))


def test_names_that_say_nothing_are_a_series_with_a_warning(tmp_path):
    for i in (1, 2, 10):
        write(tmp_path, f"img{i}.tif", i)
    (tmp_path / "notes.txt").write_text("not an image")
    write(tmp_path, ".hidden.tif", 0)
    with open_stack(tmp_path) as stack:
        assert (stack.axes, [int(p.max()) for p in stack[:]]) == ("ZYX", [1, 2, 10])
        assert "--axes TYX" in stack.warnings[0]
    with open_stack(tmp_path, axes="TYX") as stack:
        assert (stack.axes, stack.warnings) == ("TYX", ())
    with pytest.raises(StackError, match="does not fit planes of YX"):
        open_stack(tmp_path, axes="QYX")


def test_numbers_that_happen_to_follow_such_letters_order_nothing(tmp_path):
    for i, (h, w) in enumerate([(10, 3), (11, 3), (11, 4), (15, 9)]):
        write(tmp_path, f"crop{i}_h{h}_w{w}.tif", i)
    with open_stack(tmp_path) as stack:
        assert stack.axes == "ZYX"
        assert len(stack.warnings) == 1


def test_files_with_depth_of_their_own(tmp_path):
    for t in range(3):
        tifffile.imwrite(
            tmp_path / f"t{t}.tif", np.full((5, 6, 7), t, np.uint8), imagej=True, metadata={"axes": "ZYX"}
        )
    with open_stack(tmp_path) as stack:
        assert (stack.axes, stack.shape) == ("TZYX", (3, 5, 6, 7))
        assert int(stack.plane((2, 4)).max()) == 2
    for t in range(3):
        (tmp_path / f"t{t}.tif").rename(tmp_path / f"z{t}.tif")
    with pytest.raises(StackError, match="axis Z of its own"):
        open_stack(tmp_path)


@pytest.mark.parametrize("name", ["", "none_*.tif"])
def test_nothing_to_read(tmp_path, name):
    (tmp_path / "deeper").mkdir()
    with pytest.raises(StackError, match="no image"):
        open_stack(f"{tmp_path}/{name}" if name else tmp_path)


def test_a_folder_becomes_a_file(series, tmp_path):
    with open_stack(series) as stack:
        save_stack(stack, tmp_path / "all.ome.tif")
        with open_stack(tmp_path / "all.ome.tif") as back:
            assert (back.axes, back.channels) == (stack.axes, stack.channels)
            np.testing.assert_array_equal(back.numpy(), stack.numpy())


@pytest.mark.data
def test_a_real_plate(shared_data):
    folder = shared_data / "imagexpress/Projection-Mix/2023-02-21/1334"
    with pytest.raises(StackError, match="ZStep_1, ZStep_2"):
        open_stack(folder)
    with pytest.raises(StackError, match=r"4 images .*E07_s1, .*E07_s2, .*E08_s1"):
        open_stack(f"{folder}/*.tif")
    with pytest.raises(StackError, match="4 of 15 planes are missing, the first at C=4 Z=2"):
        open_stack(f"{folder}/ZStep_*/*E07_s1*.tif")
    with open_stack(f"{folder}/ZStep_*/*E07_s1_w[12]*.tif") as stack:
        assert (stack.axes, stack.shape, stack.channels) == ("CZYX", (2, 5, 512, 512), ("w1", "w2"))
        assert stack.pixel_size["X"].value == pytest.approx(1.3668)
        file = next(folder.glob("ZStep_3/*E07_s1_w2*.tif"))
        np.testing.assert_array_equal(stack.plane((1, 2)), tifffile.imread(file))


def test_a_pixel_size_of_exactly_1_um_is_doubted_once_and_believed_when_said(tmp_path):
    plane = stack_from_array(np.ones((8, 8), np.uint8), "YX", pixel_size={a: PixelSize(1.0) for a in "YX"})
    (tmp_path / "planes").mkdir()
    for name in ("z1.ome.tif", "z2.ome.tif", "one.zarr"):
        save_stack(plane, tmp_path / ("planes" if name[0] == "z" else "") / name)
    for path in (tmp_path / "planes", tmp_path / "one.zarr"):
        assert sum("exactly 1 um" in w for w in open_stack(path).warnings) == 1
        assert not any("exactly 1 um" in w for w in open_stack(path, pixel_size=1.0).warnings)
