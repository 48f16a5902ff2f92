"""MetaMorph STK, Zeiss LSM and Micro-Manager: made here as their makers lay them out."""

import struct

import numpy as np
import pytest
import tifffile

from emdiff_app.errors import StackError
from emdiff_app.images import PixelSize, open_stack

RNG = np.random.default_rng(11)
DATA = RNG.integers(0, 4096, (5, 20, 32)).astype(np.uint16)
UIC1, UIC2, LSM = 33628, 33629, 34412


def metamorph(path, *, z_step, times):
    """One directory, all planes behind each other, and a table with a row for each plane."""
    rows = [[round(z_step * 1000), 1000, 0, t, 0, t] for t in times]
    table = np.array(rows, np.uint32).ravel()
    with tifffile.TiffWriter(path) as writer:
        tags = [(UIC1, 4, 2, [1, 0], True), (UIC2, 4, table.size, table.tolist(), True)]
        writer.write(DATA[0], metadata=None, extratags=tags, rowsperstrip=20)
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        entry, start = file.pages[0].tags[UIC2].offset, file.pages[0].dataoffsets[0]
    data[entry + 2 : entry + 8] = struct.pack("<HI", 5, len(DATA))  # the type and count that STK declares
    path.write_bytes(data[:start] + DATA.tobytes())
    return path


def test_stk_planes_are_depth_where_the_stage_moved(tmp_path):
    stack = open_stack(metamorph(tmp_path / "cells.stk", z_step=0.25, times=range(0, 500, 100)))
    assert (stack.axes, stack.format) == ("ZYX", "STK")
    assert stack.pixel_size["Z"] == PixelSize(0.25)
    np.testing.assert_array_equal(stack.numpy(), DATA)


def test_stk_planes_are_time_where_it_did_not(tmp_path):
    stack = open_stack(metamorph(tmp_path / "cells.stk", z_step=0, times=range(0, 5000, 1000)))
    assert stack.axes == "TYX"
    assert stack.pixel_size["T"] == PixelSize(1.0, "s")
    np.testing.assert_array_equal(stack.numpy(), DATA)


def test_an_stk_that_ends_early_says_which_planes_are_lost(tmp_path):
    path = metamorph(tmp_path / "cells.stk", z_step=0.25, times=range(5))
    path.write_bytes(path.read_bytes()[: -2 * DATA[0].nbytes - 10])
    stack = open_stack(path)
    assert any("(3-5)" in w for w in stack.warnings)
    np.testing.assert_array_equal(stack.plane((1,)), DATA[1])
    with pytest.raises(StackError, match="cut short"):
        stack.plane((3,))


def test_lsm_takes_the_images_and_leaves_the_thumbnails(tmp_path):
    info = np.zeros(
        1, [(name or f"reserved{i}", kind) for i, (name, kind) in enumerate(tifffile.TIFF.CZ_LSMINFO)]
    )
    said = {"MagicNumber": 67127628, "StructureSize": info.itemsize, "DimensionX": 32, "DimensionY": 20}
    said |= {"DimensionZ": 5, "DimensionChannels": 1, "DimensionTime": 1, "ScanType": 0}
    said |= {"VoxelSizeX": 1e-7, "VoxelSizeY": 1e-7, "VoxelSizeZ": 4e-7}
    for name, value in said.items():
        info[name] = value
    path = tmp_path / "cells.lsm"
    with tifffile.TiffWriter(path, byteorder="<") as writer:
        for number, plane in enumerate(DATA):
            tags = [(LSM, 1, info.nbytes, info.tobytes(), True)] if number == 0 else []
            writer.write(plane, metadata=None, contiguous=False, extratags=tags)
            writer.write(plane[::2, ::2].astype(np.uint8), metadata=None, contiguous=False, subfiletype=1)
    stack = open_stack(path)
    assert (stack.axes, stack.format, stack.warnings) == ("ZYX", "LSM", ())
    np.testing.assert_array_equal(stack.numpy(), DATA)
    assert {axis: size.value for axis, size in stack.pixel_size.items()} == pytest.approx(
        {"X": 0.1, "Y": 0.1, "Z": 0.4}
    )


@pytest.mark.data
def test_micro_manager_positions(shared_data, tmp_path):
    name = "181003_multi_pos_time_course_1_MMStack.ome.tif"
    path = shared_data / "odd_tiff" / "ometiff_testdata" / "singles" / name
    expected = tifffile.imread(path)  # (time, position, Y, X)
    for position in range(2):
        stack = open_stack(path, series=position)
        assert (stack.axes, stack.channels) == ("TYX", ("Default",))
        np.testing.assert_array_equal(stack.numpy(), expected[:, position])
    # The same file without OME-XML: the index of Micro-Manager alone tells about positions.
    bare = tmp_path / "cells_MMStack.tif"
    bare.write_bytes(path.read_bytes().replace(b"</OME>", b"</XXX>"))
    with pytest.raises(StackError, match=r"position.*--axes TZYX"):
        open_stack(bare)
    stack = open_stack(bare, axes="TZYX")
    assert stack.format == "Micro-Manager TIFF"
    np.testing.assert_array_equal(stack.numpy(), expected)
