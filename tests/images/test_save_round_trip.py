"""What is written is what was there, as readers other than ours see it and as ours does."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ome_types import from_xml
from PIL import Image

from emdiff_app.images import PixelSize, open_stack, save_stack, stack_from_array

ENDINGS = [".ome.tif", ".tif", ".zarr", ".npy"]
TIFF_DTYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64", "bool"]
OTHER_DTYPES = ["float16", "int64", "uint64"]


@st.composite
def stacks(draw, dtypes=tuple(TIFF_DTYPES)):
    """Small stacks with any axes, pixel sizes, channel names and dtype."""
    outer = "".join(a for a in "TCZ" if draw(st.booleans()))
    axes = outer + "YX" + draw(st.sampled_from(["", "", "S"]))
    if "S" in axes:
        axes = axes.replace("C", "")
    shape = tuple(
        3 if a == "S" else draw(st.integers(5, 9) if a in "YX" else st.integers(2, 3)) for a in axes
    )
    # There is no colour of truth values.
    dtype = np.dtype(draw(st.sampled_from([d for d in dtypes if d != "bool" or "S" not in axes])))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    pixels = rng.integers(0, 256, (*shape, dtype.itemsize), dtype=np.uint8).view(dtype)[..., 0]
    if dtype.kind in "bf":
        pixels = (rng.normal(size=shape) * 100).astype(dtype)
    step = st.floats(1e-3, 1e3)
    lateral = PixelSize(draw(step))
    sizes = {"Y": lateral, "X": lateral, "Z": PixelSize(draw(step)), "T": PixelSize(draw(step), "s")}
    sizes = {a: s for a, s in sizes.items() if a in axes} if draw(st.booleans()) else {}
    name = st.text("abcDAPI 488<>&\"'µ{}", min_size=1, max_size=8).map(str.strip).filter(bool)
    count = shape[axes.index("C")] if "C" in axes else 0
    channels = draw(st.lists(name, min_size=count, max_size=count, unique=True))
    return stack_from_array(pixels, axes, pixel_size=sizes, channels=channels, name="cell {1} & co")


# ImageJ keeps the pixel size as a fraction of 32-bit whole numbers and its text in a few digits.
EXACT = {".ome.tif": 0.0, ".zarr": 0.0, ".tif": 1e-6}


@pytest.mark.parametrize("ending", ENDINGS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stack=stacks())
def test_everything_comes_back(ending, stack):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"out{ending}"
        saved = save_stack(stack, path)
        assert saved.clipped_pixels == 0
        axes = stack.axes if ending == ".npy" else None
        with open_stack(path, axes=axes) as back:
            assert (back.axes, back.shape) == (stack.axes, stack.shape)
            # One-bit TIFFs are opened as 0 and 1 of uint8; everything else keeps its dtype.
            one_bit = stack.dtype == bool and "tif" in ending
            assert back.dtype == ("uint8" if one_bit else stack.dtype)
            np.testing.assert_array_equal(back.numpy(), stack.numpy())
            if ending == ".npy":
                return
            assert set(back.pixel_size) == set(stack.pixel_size)
            for axis, size in stack.pixel_size.items():
                assert back.pixel_size[axis].unit == size.unit
                assert back.pixel_size[axis].value == pytest.approx(size.value, rel=EXACT[ending])
            assert back.channels == stack.channels


@settings(max_examples=30, deadline=None)
@given(stack=stacks())
def test_ome_tiff_as_tifffile_and_ome_types_see_it(stack):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.ome.tif"
        save_stack(stack, path, provenance={"prior": "cells.emprior", "samples": 8})
        with tifffile.TiffFile(path) as file:
            series = file.series[0]
            assert (series.axes, series.shape, series.dtype) == (stack.axes, stack.shape, stack.dtype)
            np.testing.assert_array_equal(file.asarray(), stack.numpy())
            pixels = from_xml(file.ome_metadata, validate=True).images[0].pixels
    sizes = stack.sizes
    assert (pixels.size_t, pixels.size_z) == (sizes.get("T", 1), sizes.get("Z", 1))
    for axis in "ZYX":
        if axis in stack.pixel_size:
            assert getattr(pixels, f"physical_size_{axis.lower()}") == stack.pixel_size[axis].value
            assert getattr(pixels, f"physical_size_{axis.lower()}_unit").value == "µm"
    if "T" in stack.pixel_size:
        assert (pixels.time_increment, pixels.time_increment_unit.value) == (stack.pixel_size["T"].value, "s")
    if stack.channels:
        assert tuple(channel.name for channel in pixels.channels) == stack.channels


@settings(max_examples=30, deadline=None)
@given(stack=stacks(dtypes=("uint8", "uint16", "float32")))
def test_tif_is_an_imagej_hyperstack(stack):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.tif"
        save_stack(stack, path)
        with tifffile.TiffFile(path) as file:
            if "S" in stack.axes and stack.dtype != np.uint8:
                assert file.is_ome  # ImageJ has no such colour
                return
            metadata = file.imagej_metadata
            order = "".join(a for a in "TZCYXS" if a in stack.axes)
            assert file.series[0].axes == order
            moved = stack.numpy().transpose([stack.axes.index(a) for a in order])
            np.testing.assert_array_equal(file.asarray(), moved)
            assert metadata.get("unit") == ("um" if {"Y", "Z"} & set(stack.pixel_size) else None)
            if stack.channels:
                assert metadata["Labels"][: len(stack.channels)] == list(stack.channels)


@pytest.mark.parametrize(("version", "form"), [("0.4", 2), ("0.5", 3)])
@settings(max_examples=20, deadline=None)
@given(stack=stacks(dtypes=(*TIFF_DTYPES, *OTHER_DTYPES)))
def test_ome_zarr_as_zarr_sees_it(version, form, stack):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.zarr"
        save_stack(stack, path, zarr_version=version)
        group = zarr.open_group(path, mode="r")
        assert group.metadata.zarr_format == form
        ome = group.attrs["ome"] if form == 3 else dict(group.attrs)
        multiscale = ome["multiscales"][0]
        assert (ome if form == 3 else multiscale)["version"] == version
        names = [axis["name"].upper() for axis in multiscale["axes"]]
        pixels = group["0"][:]
        if "S" in stack.axes:
            pixels = np.moveaxis(pixels, names.index("C"), -1)
            names = [n for n in names if n != "C"] + ["S"]
        assert "".join(names) == stack.axes
        np.testing.assert_array_equal(pixels, stack.numpy())
        assert pixels.dtype == stack.dtype
        scale = multiscale["datasets"][0]["coordinateTransformations"][0]["scale"]
        for axis, step in zip(multiscale["axes"], scale, strict=True):
            size = stack.pixel_size.get(axis["name"].upper())
            assert step == (size.value if size else 1.0)
            assert axis.get("unit") == ({"um": "micrometer", "s": "second"}[size.unit] if size else None)


@settings(max_examples=20, deadline=None)
@given(stack=stacks(dtypes=(*TIFF_DTYPES, *OTHER_DTYPES)))
def test_npy_as_numpy_sees_it(stack):
    with tempfile.TemporaryDirectory() as folder:
        save_stack(stack, Path(folder) / "out.npy")
        back = np.load(Path(folder) / "out.npy")
        assert back.dtype == stack.dtype
        np.testing.assert_array_equal(back, stack.numpy())


@pytest.mark.parametrize(("shape", "axes", "dtype"), [
    ((7, 9), "YX", "uint8"), ((7, 9), "YX", "uint16"), ((7, 9, 3), "YXS", "uint8"), ((7, 9, 4), "YXS", "uint8"),
])  # fmt: skip
def test_png_as_pillow_sees_it(tmp_path, shape, axes, dtype):
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape).astype(dtype)
    save_stack(stack_from_array(pixels, axes), tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)
    with open_stack(tmp_path / "out.png") as back:
        assert back.axes == axes
        np.testing.assert_array_equal(back.numpy(), pixels)


@pytest.mark.parametrize("compression", ["zlib", "zstd"])
@pytest.mark.parametrize("ending", [".ome.tif", ".tif", ".zarr"])
def test_compressed_files_hold_the_same_and_are_smaller(tmp_path, ending, compression):
    pixels = np.repeat(np.arange(64, dtype=np.uint16)[None, :], 64, 0)[None].repeat(3, 0)
    stack = stack_from_array(pixels, "ZYX")

    def size(path):
        return sum(p.stat().st_size for p in [path, *path.rglob("*")] if p.is_file())

    save_stack(stack, tmp_path / f"plain{ending}")
    save_stack(stack, tmp_path / f"small{ending}", compression=compression)
    with open_stack(tmp_path / f"small{ending}") as back:
        np.testing.assert_array_equal(back.numpy(), pixels)
        assert back.compression
    assert size(tmp_path / f"small{ending}") < 0.7 * size(tmp_path / f"plain{ending}")


@pytest.mark.parametrize("ending", [".ome.tif", ".tif", ".zarr"])
def test_provenance_comes_back(tmp_path, ending):
    provenance = {"prior": "a.emprior", "samples": 8, "model": {"noise": {"gain": 2.2}}, "12": "12",
                  "note = odd": "two\nlines & <more>", "nothing": None}  # fmt: skip
    stack = stack_from_array(np.zeros((4, 4), np.uint8))
    save_stack(stack, tmp_path / f"out{ending}", provenance=provenance)
    with open_stack(tmp_path / f"out{ending}") as back:
        assert back.extras["provenance"] == provenance


def test_zarr_levels_halve_and_stay_in_place(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 1000, (2, 1200, 1100)).astype(np.uint16)
    sizes = {"Y": PixelSize(0.1), "X": PixelSize(0.1), "Z": PixelSize(0.3)}
    save_stack(stack_from_array(pixels, "ZYX", pixel_size=sizes), tmp_path / "out.zarr")
    group = zarr.open_group(tmp_path / "out.zarr", mode="r")
    assert [group[str(i)].shape for i in range(3)] == [(2, 1200, 1100), (2, 600, 550), (2, 300, 275)]
    blocks = pixels.reshape(2, 600, 2, 550, 2).mean((2, 4))
    np.testing.assert_allclose(group["1"][:], blocks, atol=0.5)
    with open_stack(tmp_path / "out.zarr/1") as half:
        assert half.pixel_size["X"].value == pytest.approx(0.2)
        assert half.pixel_size["Z"].value == 0.3
        assert half.extras["translation"]["Y"].value == pytest.approx(0.05)
        # Written again, the coarse level keeps its place.
        save_stack(half, tmp_path / "half.zarr")
    with open_stack(tmp_path / "half.zarr") as again:
        assert again.extras["translation"]["Y"].value == pytest.approx(0.05)


def test_zarr_channels_carry_the_range_that_viewers_need(tmp_path):
    pixels = np.stack([np.full((8, 8), 3.0), np.full((8, 8), 7.0)]).astype(np.float32)
    pixels[1, 0, 0] = np.nan
    save_stack(stack_from_array(pixels, "CYX", channels=["a", "b"]), tmp_path / "out.zarr")
    ome = json.loads((tmp_path / "out.zarr/zarr.json").read_text())["attributes"]["ome"]
    assert [c["window"]["end"] for c in ome["omero"]["channels"]] == [3.0, 7.0]
