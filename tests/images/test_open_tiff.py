"""What a user sees when opening TIFF files: the right pixels, the words that come along, and what is wrong."""

import gc
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import tifffile

from emdiff_app.errors import StackError
from emdiff_app.images import PixelSize, open_stack

RNG = np.random.default_rng(7)


def pixels(*shape, dtype=np.uint16):
    return RNG.integers(0, 250, shape).astype(dtype)


def written(folder, data, **options):
    path = folder / "image.tif"
    tifffile.imwrite(path, data, **options)
    return path


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "lzw"},
        {"compression": "lzw", "predictor": True},
        {"compression": "zlib", "tile": (16, 32)},
        {"compression": "zlib", "tile": (16, 16), "predictor": True},
        {"compression": "packbits", "rowsperstrip": 7},
        {"compression": "zstd", "rowsperstrip": 9},
        {"rowsperstrip": 5},
        {"bigtiff": True, "tile": (32, 16)},
        {"byteorder": ">"},
        {"byteorder": ">", "compression": "zlib", "predictor": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "uint32", "float32"])
def test_however_pixels_are_stored_they_are_the_same(tmp_path, options, dtype):
    data = pixels(5, 50, 70, dtype=dtype)
    with open_stack(written(tmp_path, data, metadata={"axes": "ZYX"}, **options)) as stack:
        assert (stack.axes, stack.shape, stack.dtype) == ("ZYX", data.shape, data.dtype)
        np.testing.assert_array_equal(stack.numpy(), data)
        np.testing.assert_array_equal(stack.region((3,), slice(11, 47), slice(5, 64)), data[3, 11:47, 5:64])
        assert stack.warnings == ()


@pytest.mark.parametrize("dtype", ["float16", "float64", "uint64", "int32", "int8"])
def test_unusual_numbers_stay_what_they_are(tmp_path, dtype):
    data = pixels(20, 30, dtype=dtype)
    stack = open_stack(written(tmp_path, data))
    assert stack.dtype == dtype
    np.testing.assert_array_equal(stack.numpy(), data)


def test_one_bit_images_are_zeros_and_ones(tmp_path):
    data = pixels(20, 33) > 100
    stack = open_stack(written(tmp_path, data))
    assert (stack.dtype, stack.significant_bits) == (np.uint8, 1)
    np.testing.assert_array_equal(stack.numpy(), data.astype(np.uint8))


def test_an_imagej_hyperstack_brings_its_words_along(tmp_path):
    data = pixels(2, 3, 2, 20, 30)
    labels = ["DAPI", "GFP"] * 6
    said = {"axes": "TZCYX", "unit": "\\u00B5m", "spacing": 0.3, "finterval": 2.5, "Labels": labels}
    path = written(tmp_path, data, imagej=True, resolution=(1 / 0.108, 1 / 0.108), metadata=said)
    stack = open_stack(path)
    assert (stack.axes, stack.format) == ("TCZYX", "ImageJ TIFF")
    np.testing.assert_array_equal(stack.numpy(), data.swapaxes(1, 2))
    assert stack.channels == ("DAPI", "GFP")
    assert stack.pixel_size["Z"] == PixelSize(0.3)
    assert stack.pixel_size["T"] == PixelSize(2.5, "s")
    assert stack.pixel_size["X"].value == pytest.approx(0.108)


@pytest.mark.parametrize(
    ("resolution", "unit", "step"),
    [
        ((1e4 / 0.2, 1e4 / 0.2), "CENTIMETER", 0.2),
        ((25400 / 0.5, 25400 / 0.5), "INCH", 0.5),
        ((72, 72), "INCH", None),
        ((300, 300), "INCH", None),
        ((118, 118), "CENTIMETER", None),
        ((5, 5), "NONE", None),
    ],
)
def test_a_printers_resolution_is_no_pixel_size(tmp_path, resolution, unit, step):
    path = written(tmp_path, pixels(20, 30), resolution=resolution, resolutionunit=unit, metadata=None)
    size = open_stack(path).pixel_size.get("X")
    assert (size and pytest.approx(size.value)) == step


def test_what_the_user_says_comes_before_what_the_file_says(tmp_path):
    path = written(tmp_path, pixels(3, 2, 20, 30), imagej=True, metadata={"axes": "ZCYX"})
    stack = open_stack(path, axes="TCYX", pixel_size={"T": 1.5, "Y": 0.2, "X": PixelSize(0.3)}, channel=1)
    assert stack.axes == "TYX"
    assert stack.pixel_size == {"T": PixelSize(1.5, "s"), "Y": PixelSize(0.2), "X": PixelSize(0.3)}
    np.testing.assert_array_equal(stack.numpy(), tifffile.imread(path)[:, 1])
    with pytest.raises(StackError, match="no channel 5"):
        open_stack(path, channel=5)
    with pytest.raises(StackError, match="makes no sense"):
        open_stack(path, pixel_size=-1)


def test_rgb_and_planar_rgb_are_colours(tmp_path):
    data = pixels(20, 30, 3, dtype=np.uint8)
    for given, layout in [(data, "contig"), (np.moveaxis(data, -1, 0), "separate")]:
        stack = open_stack(written(tmp_path, given, photometric="rgb", planarconfig=layout))
        assert (stack.axes, stack.shape) == ("YXS", data.shape)
        np.testing.assert_array_equal(stack.numpy(), data)
        np.testing.assert_array_equal(stack.region((), slice(3, 9), slice(4, 7)), data[3:9, 4:7])


def test_samples_that_are_no_colours_are_channels(tmp_path):
    data = pixels(20, 30, 5)
    stack = open_stack(written(tmp_path, data, photometric="minisblack", planarconfig="contig"))
    assert stack.axes == "CYX"
    np.testing.assert_array_equal(stack.channel(3).numpy(), data[..., 3])


def test_palettes_become_rgb_unless_they_are_grey(tmp_path):
    data = pixels(20, 30, dtype=np.uint8)
    table = RNG.integers(0, 256, (3, 256)).astype(np.uint16) * 257
    stack = open_stack(written(tmp_path, data, photometric="palette", colormap=table))
    np.testing.assert_array_equal(stack.numpy(), (table // 257).astype(np.uint8).T[data])
    assert (stack.axes, len(stack.warnings)) == ("YXS", 1)
    ramp = np.tile(np.arange(256, dtype=np.uint16) * 257, (3, 1))
    stack = open_stack(written(tmp_path, data, photometric="palette", colormap=ramp))
    assert (stack.axes, stack.warnings) == ("YX", ())
    np.testing.assert_array_equal(stack.numpy(), data)


def test_white_is_zero_is_turned_round_and_said(tmp_path):
    data = pixels(20, 30, dtype=np.uint8)
    stack = open_stack(written(tmp_path, data, photometric="miniswhite"))
    np.testing.assert_array_equal(stack.numpy(), 255 - data)
    assert "white as zero" in stack.warnings[0]


def test_a_pyramid_opens_at_full_size(tmp_path):
    data = pixels(256, 320)
    path = tmp_path / "pyramid.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(data, subifds=2, tile=(64, 64))
        writer.write(data[::2, ::2], subfiletype=1, tile=(64, 64))
        writer.write(data[::4, ::4], subfiletype=1, tile=(64, 64))
    stack = open_stack(path)
    np.testing.assert_array_equal(stack.numpy(), data)
    assert stack.warnings == ()


def test_several_images_in_a_file_are_named_and_can_be_chosen(tmp_path):
    path = tmp_path / "two.tif"
    small, large = pixels(10, 12), pixels(20, 30)
    with tifffile.TiffWriter(path) as writer:
        writer.write(small, metadata=None)
        writer.write(large, metadata=None)
    stack = open_stack(path)
    np.testing.assert_array_equal(stack.numpy(), large)
    assert "2 images" in stack.warnings[0]
    assert "10 x 12" in stack.warnings[0]
    np.testing.assert_array_equal(open_stack(path, series=0).numpy(), small)
    with pytest.raises(StackError, match="no series 7"):
        open_stack(path, series=7)


def test_pages_that_differ_further_on_are_no_stack(tmp_path):
    # Nine pages alike where a quick look would sample, and one of another height between them.
    path = tmp_path / "mixed.tif"
    with tifffile.TiffWriter(path) as writer:
        for i in range(10):
            writer.write(pixels(16 if i == 4 else 20, 30), metadata=None, contiguous=False)
    with pytest.raises(StackError, match="page 5 differs"):
        open_stack(path)


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_a_file_cut_short_says_so_and_gives_what_is_there(tmp_path, compression):
    data = pixels(8, 64, 64)
    path = tmp_path / "cut.tif"
    with tifffile.TiffWriter(path) as writer:  # directories first, as a camera writes them
        for plane in data:
            writer.write(plane, metadata=None, contiguous=False, compression=compression)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 3 // 5])
    stack = open_stack(path, axes="ZYX")
    assert any("damaged" in w or "cut off" in w for w in stack.warnings)
    np.testing.assert_array_equal(stack.plane((1,)), data[1])
    last = stack.shape[0] - 1
    if last < 7 and not any("cut off" in w for w in stack.warnings):
        np.testing.assert_array_equal(stack.plane((last,)), data[last])
    else:
        with pytest.raises(StackError, match="cut short"):
            stack.plane((last,))


def test_a_hyperstack_cut_short_knows_which_planes_are_lost(tmp_path):
    data = pixels(10, 64, 64)
    path = written(tmp_path, data, imagej=True, metadata={"axes": "ZYX"})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    stack = open_stack(path)
    assert stack.shape == data.shape
    assert any("planes are missing or cut off (6-10)" in w for w in stack.warnings)
    np.testing.assert_array_equal(stack.plane((3,)), data[3])
    with pytest.raises(StackError, match="cut short"):
        stack.plane((7,))


def test_nothing_left_is_refused(tmp_path):
    path = written(tmp_path, pixels(64, 64), metadata=None)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(StackError, match=r"none of its planes|no usable TIFF"):
        open_stack(path)


def test_tiles_that_were_never_written_are_said(tmp_path):
    data = pixels(32, 32)
    path = tmp_path / "sparse.tif"
    tiles = [data[:16, :16], None, data[16:, :16], data[16:, 16:]]
    tifffile.imwrite(path, iter(tiles), shape=(32, 32), dtype=np.uint16, tile=(16, 16), compression="zlib")
    stack = open_stack(path)
    assert "1 of 4 strips or tiles" in stack.warnings[0]
    assert "never written" in stack.warnings[0]
    np.testing.assert_array_equal(stack.region((), slice(16, 32), slice(0, 32)), data[16:])
    assert not stack.region((), slice(0, 16), slice(16, 32)).any()


def test_damaged_compression_is_an_error_when_read(tmp_path):
    path = written(tmp_path, pixels(64, 64), compression="zlib", metadata=None)
    with tifffile.TiffFile(path) as file:
        offset, count = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    broken = bytearray(path.read_bytes())
    broken[offset + 10 : offset + count // 2] = bytes(count // 2 - 10)
    path.write_bytes(broken)
    with pytest.raises(StackError, match="cannot be decoded"):
        open_stack(path).numpy()


def test_a_jpeg_cut_short_is_not_filled_with_grey(tmp_path):
    path = written(tmp_path, pixels(64, 64, 3, dtype=np.uint8), compression="jpeg", photometric="rgb")
    with tifffile.TiffFile(path, mode="r+b") as file:
        tag = file.pages[0].tags["StripByteCounts"]
        tag.overwrite(tuple(n // 2 for n in tag.value))
    with pytest.raises(StackError, match="JPEG data"):
        open_stack(path).numpy()


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_huge_image_in_a_tiny_file_is_refused(tmp_path, compression):
    path = written(tmp_path, pixels(16, 16), compression=compression, metadata=None)
    with tifffile.TiffFile(path, mode="r+b") as file:
        for tag in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            file.pages[0].tags[tag].overwrite(60000)
    with pytest.raises(StackError, match=r"60000 x 60000|none of its planes"):
        open_stack(path)


def test_directories_in_a_circle_end(tmp_path):
    path = tmp_path / "circle.tif"
    with tifffile.TiffWriter(path) as writer:
        for _ in range(130):
            writer.write(pixels(4, 4), metadata=None, contiguous=False)
    with tifffile.TiffFile(path) as file:
        first, last = file.pages[0].offset, file.pages[129]
        at = last.offset + 2 + 12 * len(last.tags)
    broken = bytearray(path.read_bytes())
    broken[at : at + 4] = first.to_bytes(4, "little")
    path.write_bytes(broken)
    with pytest.raises(StackError, match="in a circle"):
        open_stack(path)


@pytest.mark.parametrize(
    "content", [b"", b"II*\0", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\0", b"hello, world" * 9]
)
def test_what_is_no_image_is_refused(tmp_path, content):
    path = tmp_path / "image.tif"
    path.write_bytes(content)
    with pytest.raises(StackError, match=r"^image\.tif: "):
        open_stack(path)


def test_a_missing_file_is_named():
    with pytest.raises(StackError, match="no such file"):
        open_stack("nowhere/cells.tif")


def test_threads_read_the_same_stack_at_once(tmp_path):
    data = pixels(40, 64, 64)
    stack = open_stack(written(tmp_path, data, metadata={"axes": "ZYX"}, compression="zlib", tile=(32, 32)))
    wrong = []

    def read(first):
        for z in range(first, 40, 4):
            if not np.array_equal(stack.plane((z,)), data[z]):
                wrong.append(z)

    threads = [threading.Thread(target=read, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def open_now():
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts open files through /proc")  # noqa: PTH112
def test_hundreds_of_stacks_are_read_with_few_files_open(tmp_path):
    """As learning does: all stacks are kept, and crops are read here and there, by several threads."""
    planes = pixels(150, 8, 8)
    for number, plane in enumerate(planes):
        tifffile.imwrite(tmp_path / f"{number}.tif", plane)
    gc.collect()  # what earlier tests left
    before = open_now()
    stacks = [open_stack(tmp_path / f"{number}.tif") for number in range(len(planes))]
    wrong, most = [], []

    def read(seed):
        for number in np.random.default_rng(seed).permutation(len(stacks)):
            if not np.array_equal(stacks[number].plane(), planes[number]):
                wrong.append(number)
            most.append(open_now())

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(most) == 4 * len(stacks)  # none of them ended by an error
    assert max(most) < before + 80
    stacks.clear()
    gc.collect()
    assert open_now() <= before + 1


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts open files through /proc")  # noqa: PTH112
def test_no_file_stays_open(tmp_path):
    path = written(tmp_path, pixels(6, 20, 30), metadata={"axes": "ZYX"})
    gc.collect()  # what earlier tests left
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(20):
        open_stack(path).plane((1,))  # nobody closes it
    stack = open_stack(path)
    stack.plane((1,))
    stack.close()
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208
    assert stack.plane((2,)).shape == (20, 30)  # closing is not the end
    stack.close()


def test_nothing_is_printed(tmp_path, capfd):
    path = written(tmp_path, pixels(20, 30), metadata=None)
    broken = bytearray(path.read_bytes())
    broken[len(broken) // 2 :] = b""
    path.write_bytes(broken)
    with pytest.raises(StackError):
        open_stack(path).numpy()
    assert capfd.readouterr() == ("", "")
