"""OME-TIFF: words that come along, stacks spread over files, and descriptions that do not fit."""

import numpy as np
import pytest
import tifffile

from emdiff_app.errors import StackError
from emdiff_app.images import PixelSize, open_stack, save_stack

RNG = np.random.default_rng(3)
SIZES = {"T": 2, "Z": 3, "C": 4, "Y": 20, "X": 30}
OME = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" {root}>{body}</OME>'
)
PIXELS = (
    '<Image ID="Image:0" Name="cells">'
    '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="{kind}" {sizes}>{inside}</Pixels></Image>'
)


def pixels(*shape):
    return RNG.integers(0, 4096, shape).astype(np.uint16)


def sizes(**given):
    return " ".join(f'Size{a}="{given.get(a, 1)}"' for a in "XYZCT")


def described(text, planes, path):
    with tifffile.TiffWriter(path) as writer:
        for number, plane in enumerate(planes):
            writer.write(plane, description=text if number == 0 else None, metadata=None, contiguous=False)
    return path


def one_image(planes, path, *, root="", kind="uint16", inside='<TiffData IFD="0"/>', **counts):
    counts = {"X": planes.shape[-1], "Y": planes.shape[-2], "Z": len(planes)} | counts
    body = PIXELS.format(kind=kind, sizes=sizes(**counts), inside=inside)
    return described(OME.format(root=root, body=body), planes, path)


def test_words_come_along(tmp_path):
    data = pixels(2, 3, 4, 20, 30)
    path = tmp_path / "cells.ome.tif"
    said = {
        "axes": "TCZYX",
        "PhysicalSizeX": 108,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 0.108,
        "PhysicalSizeZ": 0.3,
        "TimeIncrement": 500,
        "TimeIncrementUnit": "ms",
        "Channel": {"Name": ["DAPI", "GFP", "RFP"]},
        "SignificantBits": 12,
    }
    tifffile.imwrite(path, data, metadata=said)
    stack = open_stack(path)
    assert (stack.axes, stack.format, stack.channels) == ("TCZYX", "OME-TIFF", ("DAPI", "GFP", "RFP"))
    assert stack.significant_bits == 12
    assert stack.pixel_size == {
        "T": PixelSize(0.5, "s"),
        "Z": PixelSize(0.3),
        "Y": PixelSize(0.108),
        "X": PixelSize(0.108),
    }
    np.testing.assert_array_equal(stack.numpy(), data)
    np.testing.assert_array_equal(stack.channel("GFP").numpy(), data[:, 1])
    assert stack.warnings == ()
    assert "<OME" in stack.extras["ome_xml"]


@pytest.mark.parametrize("order", ["TZCYX", "CZTYX", "ZTCYX"])
def test_any_order_of_planes(tmp_path, order):
    data = pixels(*(SIZES[a] for a in order))
    path = tmp_path / "cells.ome.tif"
    tifffile.imwrite(path, data, metadata={"axes": order})
    expected = data.transpose([order.index(a) for a in "TCZYX"])
    np.testing.assert_array_equal(open_stack(path).numpy(), expected)


def test_colour_images(tmp_path):
    data = RNG.integers(0, 255, (3, 20, 30, 3)).astype(np.uint8)
    path = tmp_path / "colour.ome.tif"
    tifffile.imwrite(path, data, photometric="rgb", metadata={"axes": "ZYXS"})
    stack = open_stack(path)
    assert stack.axes == "ZYXS"
    np.testing.assert_array_equal(stack.numpy(), data)


def spread(folder, data, names=None):
    """One plane in each file, all described in the first."""
    names = names or [f"z{i}.ome.tif" for i in range(len(data))]
    blocks = "".join(
        f'<TiffData FirstZ="{i}" IFD="0" PlaneCount="1"><UUID FileName="{n}">urn:{i}</UUID></TiffData>'
        for i, n in enumerate(names)
    )
    first = one_image(data[:1], folder / "z0.ome.tif", root='UUID="urn:0"', inside=blocks, Z=len(data))
    for i in range(1, len(data)):
        tifffile.imwrite(folder / f"z{i}.ome.tif", data[i], metadata=None)
    return first


def test_a_stack_spread_over_files_opens_as_one(tmp_path):
    data = pixels(5, 20, 30)
    stack = open_stack(spread(tmp_path, data))
    assert (stack.axes, stack.warnings) == ("ZYX", ())
    np.testing.assert_array_equal(stack.numpy(), data)


def test_a_folder_of_one_spread_stack_opens_as_that(tmp_path):
    data = pixels(5, 20, 30)
    first = spread(tmp_path, data)
    stack = open_stack(tmp_path)
    assert (stack.axes, stack.format, stack.warnings) == ("ZYX", "OME-TIFF", ())
    assert (stack.name, stack.source) == (tmp_path.name, tmp_path)
    np.testing.assert_array_equal(stack.numpy(), data)
    # Every file of the set is its source: none of them may be replaced while it is read.
    for opened in (stack, open_stack(first)):
        with pytest.raises(StackError, match="being read"):
            save_stack(opened, tmp_path / "z3.ome.tif", overwrite=True)
    tifffile.imwrite(tmp_path / "another.tif", data[0])
    with pytest.raises(StackError, match=r"z0.ome.tif \(Z5 Y20 X30 uint16\) does not fit another.tif"):
        open_stack(tmp_path)


def test_missing_files_are_named_and_their_planes_are_errors(tmp_path):
    data = pixels(5, 20, 30)
    path = spread(tmp_path, data)
    (tmp_path / "z2.ome.tif").unlink()
    stack = open_stack(path)
    assert any("z2.ome.tif" in w for w in stack.warnings)
    np.testing.assert_array_equal(stack.plane((4,)), data[4])
    with pytest.raises(StackError, match=r"plane 3 of 5 is missing"):
        stack.plane((2,))


@pytest.mark.parametrize("name", ["../secret.tif", "/etc/secret.tif", "C:\\secret.tif", "a/../../secret.tif"])
def test_files_outside_the_folder_are_never_opened(tmp_path, name):
    folder = tmp_path / "stack"
    folder.mkdir()
    data = pixels(2, 20, 30)
    tifffile.imwrite(tmp_path / "secret.tif", data[1], metadata=None)
    stack = open_stack(spread(folder, data, ["z0.ome.tif", name]))
    assert any("outside its folder" in w for w in stack.warnings)
    assert 1 not in stack.shape or stack.axes == "YX"
    if "Z" in stack.axes:
        with pytest.raises(StackError, match="missing"):
            stack.plane((1,))


def test_a_part_says_where_the_whole_is(tmp_path):
    body = '<BinaryOnly MetadataFile="all.ome.tif" UUID="urn:0"/>'
    path = described(OME.format(root="", body=body), pixels(1, 20, 30), tmp_path / "part.ome.tif")
    stack = open_stack(path)
    assert stack.shape == (20, 30)
    assert "'all.ome.tif'" in stack.warnings[0]


def test_a_companion_file_opens_the_stack(tmp_path):
    data = pixels(3, 20, 30)
    blocks = ""
    for i in range(3):
        tifffile.imwrite(tmp_path / f"z{i}.ome.tif", data[i], metadata=None)
        blocks += (
            f'<TiffData FirstZ="{i}" PlaneCount="1"><UUID FileName="z{i}.ome.tif">urn:{i}</UUID></TiffData>'
        )
    body = PIXELS.format(kind="uint16", sizes=sizes(X=30, Y=20, Z=3), inside=blocks)
    path = tmp_path / "cells.companion.ome"
    path.write_text(OME.format(root="", body=body))
    stack = open_stack(path)
    assert (stack.name, stack.axes) == ("cells.companion.ome", "ZYX")
    np.testing.assert_array_equal(stack.numpy(), data)
    whole = open_stack(tmp_path)
    assert (whole.name, whole.axes, whole.format) == (tmp_path.name, "ZYX", "OME-TIFF")
    np.testing.assert_array_equal(whole.numpy(), data)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"X": 31, "inside": '<TiffData IFD="0" PlaneCount="5"/>'}, "31 x 20 pixels, the pages have 30 x 20"),
        ({"kind": "uint8", "inside": '<TiffData IFD="0" PlaneCount="5"/>'}, "says uint8"),
        (
            {"Z": 9, "inside": '<TiffData IFD="0" PlaneCount="9"/>'},
            "promises 9 along Z, but the file ends after 5",
        ),
    ],
)
def test_descriptions_that_disagree_with_the_pages_are_said(tmp_path, changes, says):
    data = pixels(5, 20, 30)
    stack = open_stack(one_image(data, tmp_path / "odd.ome.tif", **changes))
    assert any(says in w for w in stack.warnings), stack.warnings
    np.testing.assert_array_equal(stack.numpy(), data)


def bare(inside="<TiffData/>", **counts):
    body = PIXELS.format(kind="uint16", sizes=sizes(**{"X": 30, "Y": 20} | counts), inside=inside)
    return OME.format(root="", body=body)


@pytest.mark.parametrize(
    "text",
    [
        "<OME><Image></OME>",
        '<!DOCTYPE x [<!ENTITY a "aaaa">]>' + bare("&a;").partition("?>")[2],
        bare(T=2**31),
        bare('<TiffData PlaneCount="4000000000"/>'),
        bare(X="many"),
    ],
    ids=["broken", "entities", "endless", "countless", "wordy"],
)
def test_descriptions_of_no_use_are_left_aside(tmp_path, text):
    data = pixels(6, 20, 30)
    path = described(text, data, tmp_path / "odd.ome.tif")
    stack = open_stack(path)
    np.testing.assert_array_equal(stack.numpy(), data)
    assert stack.format == "TIFF"


def test_a_stopped_recording_is_as_long_as_what_was_written(tmp_path):
    data = pixels(6, 20, 30)  # three of ten time points of two slices
    blocks = "".join(
        f'<TiffData IFD="{i}" FirstZ="{i % 2}" FirstT="{i // 2}" PlaneCount="1"/>' for i in range(20)
    )
    stack = open_stack(one_image(data, tmp_path / "stopped.ome.tif", inside=blocks, Z=2, T=10))
    assert stack.sizes == {"T": 3, "Z": 2, "Y": 20, "X": 30}
    assert any("ends after 3" in w for w in stack.warnings)
    np.testing.assert_array_equal(stack.numpy(), data.reshape(3, 2, 20, 30))


def test_several_positions_are_several_images(tmp_path):
    data = pixels(4, 20, 30)
    image = PIXELS.format(kind="uint16", sizes=sizes(X=30, Y=20, T=2), inside="{}")
    body = "".join(image.format(f'<TiffData IFD="{2 * i}" PlaneCount="2"/>') for i in range(2))
    path = described(OME.format(root="", body=body), data, tmp_path / "positions.ome.tif")
    first, second = open_stack(path), open_stack(path, series=1)
    np.testing.assert_array_equal(first.numpy(), data[:2])
    np.testing.assert_array_equal(second.numpy(), data[2:])
    assert "holds 2 images" in first.warnings[0]
