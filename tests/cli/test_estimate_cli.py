"""`emdiff estimate`."""

import json

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from emdiff_app.cli import main
from emdiff_app.physics.model import ImagingModel


@pytest.fixture
def recorded():
    rng = np.random.default_rng(0)
    level = 3000 * gaussian_filter(rng.random((3, 160, 160)) ** 8, (0, 3, 3))
    return (100 + 2 * rng.poisson(level / 2) + 4 * rng.standard_normal(level.shape)).round().astype(np.uint16)


def write(path, array, axes="ZYX"):
    tifffile.imwrite(path, array, imagej=True, metadata={"axes": axes})
    return str(path)


def estimated(capsys, *arguments):
    code = main(["estimate", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_the_model_it_writes_can_be_used(recorded, tmp_path, capsys):
    out = tmp_path / "model.json"
    stack = write(tmp_path / "cells.tif", recorded)
    code, found = estimated(capsys, stack, "--offset", "100", "--out", str(out))
    assert code == 0
    (one,) = found["stacks"]
    assert one["noise"]["gain"] == pytest.approx(2, rel=0.1)
    assert one["noise"]["read_noise"] == pytest.approx(4, rel=0.3)
    assert one["photons_at_median"] > 0
    assert len(one["points"]) > 5
    assert ImagingModel.read(out).model_dump()["noise"] == one["noise"]
    before = out.read_bytes()
    code, found = estimated(capsys, stack, "--out", str(out))
    assert code == 2
    assert "already exists" in found["error"]
    assert out.read_bytes() == before
    assert main(["estimate", stack, "--out", str(out), "--overwrite"]) == 0


def test_bad_pixels_become_a_mask_in_the_model(recorded, tmp_path, capsys):
    recorded[:, 40, 50] = 5000
    stack, mask, out = write(tmp_path / "cells.tif", recorded), tmp_path / "bad.tif", tmp_path / "model.json"
    code, found = estimated(capsys, stack, "--mask-out", str(mask), "--out", str(out))
    assert code == 0
    assert found["stacks"][0]["bad_pixels"]["hot"] == 1
    written = tifffile.imread(mask)
    assert written.dtype == np.uint8
    assert np.argwhere(written).tolist() == [[40, 50]]
    seen = ImagingModel.read(out).bind((160, 160)).observed
    assert np.argwhere(~seen.squeeze().numpy()).tolist() == [[40, 50]]


def test_a_person_is_told_the_figures_and_the_doubts(recorded, tmp_path, capsys):
    assert main(["estimate", write(tmp_path / "cells.tif", recorded)]) == 0
    said = capsys.readouterr().out
    for word in ("cells.tif", "gain", "read noise", "photons per pixel", "hot", "none saturated", "--offset"):
        assert word in said


def test_images_stretched_separately_are_listed(recorded, tmp_path, capsys):
    low, high = recorded.min((1, 2), keepdims=True), recorded.max((1, 2), keepdims=True)
    stretched = ((recorded - low) / (high - low) * 255).round().astype(np.uint8)
    stack = write(tmp_path / "cells.tif", stretched)
    _, found = estimated(capsys, stack)
    assert [image["index"] for image in found["stacks"][0]["images"]] == [[0], [1], [2]]
    assert main(["estimate", stack]) == 0
    assert "image 2" in capsys.readouterr().out


def test_channels_are_measured_apart(recorded, tmp_path, capsys):
    two = np.stack([recorded, 100 + 5 * (recorded - 100)], axis=1).astype(np.uint16)
    stack = write(tmp_path / "cells.tif", two, "ZCYX")
    _, found = estimated(capsys, stack)
    gains = [one["noise"]["gain"] for one in found["stacks"]]
    assert gains == pytest.approx([2, 10], rel=0.1)
    _, found = estimated(capsys, stack, "--channel", "1")
    assert len(found["stacks"]) == 1
    code, found = estimated(capsys, stack, "--mask-out", str(tmp_path / "m.tif"))
    assert code == 2
    assert "--channel" in found["error"]


def test_one_bad_file_does_not_stop_the_others(recorded, tmp_path, capsys):
    broken = tmp_path / "broken.tif"
    broken.write_bytes(b"II*\0 and then nothing")
    code, found = estimated(capsys, str(broken), write(tmp_path / "cells.tif", recorded))
    assert code == 2
    assert "error" in found["stacks"][0]
    assert found["stacks"][1]["noise"]["gain"] == pytest.approx(2, rel=0.1)
