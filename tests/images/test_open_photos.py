"""Photos: what a camera or a phone makes of them, as stacks."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from emdiff_app.errors import StackError
from emdiff_app.images import check_content, open_stack, stack_from_array

RNG = np.random.default_rng(5)
COLOURS = RNG.integers(0, 256, (20, 30, 3)).astype(np.uint8)


def test_png_and_jpeg(tmp_path):
    for name in ("photo.png", "photo.jpg", "photo.bmp"):
        Image.fromarray(COLOURS).save(tmp_path / name)
        stack = open_stack(tmp_path / name)
        assert (stack.axes, stack.shape, stack.dtype) == ("YXS", (20, 30, 3), np.uint8)
        expected = np.asarray(Image.open(tmp_path / name))
        np.testing.assert_array_equal(stack.numpy(), expected)
        np.testing.assert_array_equal(stack.region((), slice(2, 5), slice(3, 9)), expected[2:5, 3:9])
        assert stack.warnings == ()


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3), (20, 30, 4)])
def test_16_bit_png_keeps_its_bits(tmp_path, shape):
    import imagecodecs

    deep = RNG.integers(0, 65536, shape).astype(np.uint16)
    (tmp_path / "deep.png").write_bytes(imagecodecs.png_encode(deep))
    stack = open_stack(tmp_path / "deep.png")
    assert stack.dtype == np.uint16
    np.testing.assert_array_equal(stack.numpy(), deep)


def test_grey_bits_and_palettes(tmp_path):
    grey = COLOURS[..., 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(open_stack(tmp_path / "grey.png").numpy(), grey)
    Image.fromarray(grey > 100).save(tmp_path / "bits.png")
    np.testing.assert_array_equal(open_stack(tmp_path / "bits.png").numpy(), 255 * (grey > 100))
    table = Image.fromarray(COLOURS).quantize(16)
    table.save(tmp_path / "table.png")
    stack = open_stack(tmp_path / "table.png")
    np.testing.assert_array_equal(stack.numpy(), np.asarray(table.convert("RGB")))
    assert "table" in stack.warnings[0]


def test_transparency_is_said(tmp_path):
    Image.fromarray(np.dstack([COLOURS, COLOURS[..., :1]])).save(tmp_path / "clear.png")
    stack = open_stack(tmp_path / "clear.png")
    assert stack.shape == (20, 30, 4)
    assert "transparency" in stack.warnings[0]


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_photo_taken_sideways_stands_upright(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(COLOURS).save(tmp_path / "sideways.png", exif=exif)
    stack = open_stack(tmp_path / "sideways.png")
    upright = ImageOps.exif_transpose(Image.open(tmp_path / "sideways.png"))
    np.testing.assert_array_equal(stack.numpy(), np.asarray(upright))
    assert stack.shape == stack.numpy().shape
    assert "upright" in stack.warnings[0]


def test_a_photo_cut_short_is_an_error(tmp_path):
    noise = RNG.integers(0, 256, (200, 300, 3)).astype(np.uint8)
    for name in ("cut.png", "cut.jpg"):
        Image.fromarray(noise).save(tmp_path / name)
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(StackError, match=rf"{name}.*damaged or cut short"):
            open_stack(tmp_path / name).numpy()


def test_a_damaged_16_bit_png_is_an_error(tmp_path):
    import imagecodecs

    data = bytearray(imagecodecs.png_encode(RNG.integers(0, 65536, (40, 50)).astype(np.uint16)))
    data[len(data) // 2] ^= 255
    (tmp_path / "deep.png").write_bytes(data)
    with pytest.raises(StackError, match="damaged"):
        open_stack(tmp_path / "deep.png").numpy()


def test_a_photo_that_claims_too_much_is_refused(tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "bomb.png")
    data = bytearray((tmp_path / "bomb.png").read_bytes())
    data[16:24] = (60000).to_bytes(4, "big") * 2
    (tmp_path / "bomb.png").write_bytes(data)
    with pytest.raises(StackError, match=r"claims|damaged"):
        open_stack(tmp_path / "bomb.png")


@pytest.mark.parametrize(
    ("fill", "says"),
    [
        (np.nan, "all NaN"),
        (np.inf, "all NaN or infinite"),
        (0, "constant (all 0)"),
        (7.5, "constant (all 7.5)"),
    ],
)
def test_images_that_hold_nothing_are_said(fill, says):
    content = check_content(stack_from_array(np.full((4, 8, 9), fill, np.float32), "ZYX"))
    assert len(content.warnings) == 1
    assert says in content.warnings[0]


def test_some_missing_numbers_and_flat_planes_are_counted():
    data = RNG.random((5, 10, 10)).astype(np.float32)
    data[0, 0, :5] = np.nan
    data[3] = 2
    content = check_content(stack_from_array(data, "ZYX"))
    assert (content.minimum, content.maximum) == (np.nanmin(data), np.nanmax(data))
    assert content.whole
    assert [w.split(" ", 3)[:3] for w in content.warnings] == [["1", "%", "of"], ["1", "of", "5"]]


def test_a_healthy_image_is_left_alone():
    assert check_content(stack_from_array(COLOURS[..., 0])).warnings == ()
