"""`emdiff convert`, as it is typed."""

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from emdiff_app.cli import main
from emdiff_app.images import PixelSize, open_stack, save_stack, stack_from_array


@pytest.fixture
def recorded(tmp_path):
    pixels = np.arange(2 * 5 * 16 * 16, dtype=np.uint16).reshape(2, 5, 16, 16)
    sizes = {"Z": PixelSize(0.3), "Y": PixelSize(0.1), "X": PixelSize(0.1)}
    stack = stack_from_array(pixels, "CZYX", pixel_size=sizes, channels=["DAPI", "GFP"])
    save_stack(stack, tmp_path / "in.ome.tif", provenance={"microscope": "A1"})
    return tmp_path / "in.ome.tif"


def test_through_every_format_and_back(recorded, tmp_path, capsys):
    steps = [recorded, tmp_path / "a.zarr", tmp_path / "b.tif", tmp_path / "c.ome.tif"]
    for source, target in itertools.pairwise(steps):
        assert main(["convert", str(source), str(target)]) == 0
    captured = capsys.readouterr()
    assert "10 planes written" in captured.out
    assert captured.err == ""
    with open_stack(recorded) as first, open_stack(steps[-1]) as last:
        np.testing.assert_array_equal(last.numpy(), first.numpy())
        assert (last.axes, last.channels) == (first.axes, first.channels)
        assert last.pixel_size["Z"] == first.pixel_size["Z"]
        assert last.extras["provenance"] == {"microscope": "A1"}


def test_json_is_one_object_and_names_what_was_clipped(recorded, tmp_path, capsys):
    arguments = [
        "convert",
        str(recorded),
        str(tmp_path / "o.tif"),
        "--dtype",
        "uint8",
        "--channel",
        "GFP",
        "--json",
    ]
    assert main(arguments) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["shape"] == [5, 16, 16]
    assert result["clipped_pixels"] == 5 * 16 * 16
    assert tifffile.imread(tmp_path / "o.tif").max() == 255


def test_another_image_of_a_file_that_holds_several(tmp_path, capsys):
    data = np.random.default_rng(5).integers(0, 255, (2, 20, 30)).astype(np.uint8)
    with tifffile.TiffWriter(tmp_path / "two.tif") as writer:
        writer.write(data[0])
        writer.write(data[1, :, :20])
    assert main(["convert", str(tmp_path / "two.tif"), str(tmp_path / "out.tif"), "--series", "1"]) == 0
    np.testing.assert_array_equal(open_stack(tmp_path / "out.tif").numpy(), data[1, :, :20])
    assert "convert --series" in open_stack(tmp_path / "two.tif").warnings[0]


def test_overrides(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((3, 8, 8), np.float32))
    arguments = [
        "convert",
        str(tmp_path / "a.npy"),
        str(tmp_path / "a.zarr"),
        "--axes",
        "TYX",
        "--pixel-size",
        "0.2",
    ]
    assert main(arguments) == 0
    with open_stack(tmp_path / "a.zarr") as stack:
        assert (stack.axes, stack.pixel_size["X"]) == ("TYX", PixelSize(0.2))


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("in.ome.tif", "in.ome.tif", "already exists"),
        ("none.tif", "out.tif", "no such file"),
        ("in.ome.tif", "out.jpg", "can't write this kind"),
    ],
)
def test_bad_input_is_one_sentence_and_two(recorded, tmp_path, capsys, source, target, words):
    assert main(["convert", str(tmp_path / source), str(tmp_path / target)]) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_what_a_bare_format_cannot_keep_is_said(recorded, tmp_path, capsys):
    assert main(["convert", str(recorded), str(tmp_path / "o.npy")]) == 0
    assert (
        "no room for the pixel size and the channel names and the provenance of IN" in capsys.readouterr().err
    )


INTERRUPTED = """
import os, signal, sys
from emdiff_app.cli import main
import emdiff_app.images.saving.save as save

signal.signal(signal.SIGINT, signal.default_int_handler)
original = save.Casting.__call__

def interrupted(self, plane):
    self.seen = getattr(self, "seen", 0) + 1
    if self.seen == 4:
        os.kill(os.getpid(), signal.SIGINT)
    return original(self, plane)

save.Casting.__call__ = interrupted
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a process there cannot send itself Ctrl-C")
def test_ctrl_c_leaves_nothing_half_written_and_says_so(recorded, tmp_path):
    words = [sys.executable, "-c", INTERRUPTED, "convert", str(recorded), str(tmp_path / "out.zarr")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert done.stderr.startswith("emdiff: Interrupted;")
    assert [p.name for p in tmp_path.iterdir()] == [recorded.name]


@pytest.mark.filterwarnings("default")
def test_holes_that_show_only_when_read_are_said_as_a_sentence(recorded, tmp_path, capsys, monkeypatch):
    assert main(["convert", str(recorded), str(tmp_path / "in.zarr")]) == 0
    (tmp_path / "in.zarr/0/c/1/2/0/0").unlink()
    monkeypatch.setattr("emdiff_app.images.ome_zarr.opening.count_chunks", lambda *_: None)  # too many
    capsys.readouterr()
    assert main(["convert", str(tmp_path / "in.zarr"), str(tmp_path / "out.tif")]) == 0
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("emdiff: ")
    assert "lacks 1 of its chunks" in said[0]
    assert main(["inspect", str(tmp_path / "in.zarr"), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["stacks"][0]
    assert [w for w in shown["warnings"] if "lacks 1 of its chunks" in w] == shown["warnings"][:1]


def test_long_conversions_say_how_far_they_are(recorded, tmp_path, capsys, monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    assert main(["convert", str(recorded), str(tmp_path / "out.tif")]) == 0
    assert "out.tif: plane 5 of 10 (50 %)" in capsys.readouterr().err
