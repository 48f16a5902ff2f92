"""`emdiff score`."""

import json

import numpy as np
import pytest
import tifffile

from emdiff_app.cli import main


@pytest.fixture
def images(tmp_path):
    rng = np.random.default_rng(0)
    truth = (rng.random((3, 32, 32)) * 1000).astype(np.float32)
    result = truth + 10 * rng.standard_normal(truth.shape).astype(np.float32)
    return tmp_path, result, truth


def write(path, array):
    path.parent.mkdir(exist_ok=True)
    axes = "ZYX"[-array.ndim :]
    tifffile.imwrite(path, array, imagej=True, metadata={"axes": axes})
    return str(path)


def scored(capsys, *arguments):
    code = main(["score", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_every_plane_and_the_mean(images, capsys):
    folder, result, truth = images
    code, found = scored(capsys, write(folder / "r.tif", result), write(folder / "t.tif", truth))
    assert code == 0
    reach = truth.max() - truth.min()
    expected = [
        20 * np.log10(reach / np.sqrt(np.mean((r - t) ** 2))) for r, t in zip(result, truth, strict=True)
    ]
    assert [row["psnr"] for row in found["images"]] == pytest.approx(expected, abs=1e-3)
    assert found["mean"]["psnr"] == pytest.approx(np.mean(expected), abs=1e-3)
    assert [row["image"] for row in found["images"]] == ["r.tif Z0", "r.tif Z1", "r.tif Z2"]
    assert 0.9 < found["mean"]["ssim"] < 1
    assert 0 < found["mean"]["nrmse"] < 0.1


def test_a_person_gets_a_table(images, capsys):
    folder, result, truth = images
    assert main(["score", write(folder / "r.tif", result), write(folder / "t.tif", truth)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["image", "PSNR/dB", "SSIM", "NRMSE"]
    assert lines[-1].startswith("mean")
    assert len(lines) == 5


def test_affine_forgives_gain_and_offset(images, capsys):
    folder, result, truth = images
    paths = write(folder / "r.tif", 0.3 * result - 50), write(folder / "t.tif", truth)
    _, strict = scored(capsys, *paths)
    _, fitted = scored(capsys, *paths, "--affine")
    assert strict["mean"]["psnr"] < 10
    assert fitted["mean"]["psnr"] > 38


def test_the_data_range_can_be_given(images, capsys):
    folder, result, truth = images
    paths = write(folder / "r.tif", result), write(folder / "t.tif", truth)
    _, own = scored(capsys, *paths)
    _, given = scored(capsys, *paths, "--data-range", "10000")
    gain = 20 * np.log10(10000 / own["images"][0]["data_range"])
    assert given["mean"]["psnr"] - own["mean"]["psnr"] == pytest.approx(gain)


def test_folders_and_patterns_are_matched_by_name(images, capsys):
    folder, result, truth = images
    for i in range(3):
        write(folder / "r" / f"cell{i}.tif", result[i])
        write(folder / "t" / f"cell{i}.tif", truth[i])
    write(folder / "t" / "other9.tif", truth[0, :20, :20])
    code, found = scored(capsys, str(folder / "r"), str(folder / "t" / "cell*.tif"))
    assert code == 0
    assert [row["image"] for row in found["images"]] == ["cell0.tif", "cell1.tif", "cell2.tif"]
    assert min(row["psnr"] for row in found["images"]) > 35
    code, found = scored(capsys, str(folder / "r"), str(folder / "t"))
    assert code == 2
    assert "cannot be matched" in found["error"]


def test_a_stack_is_matched_with_a_folder_of_planes(images, capsys):
    folder, result, truth = images
    for i in range(3):
        write(folder / "t" / f"z{i}.tif", truth[i])
    code, found = scored(capsys, write(folder / "r.tif", result), str(folder / "t"))
    assert code == 0
    assert found["mean"]["psnr"] > 35


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a[:, :20], "differ in size"),
        (lambda a: a[:2], "differ in size"),
        (lambda a: np.where(a > 900, np.nan, a), "not numbers"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(images, capsys, change, words):
    folder, result, truth = images
    code, found = scored(capsys, write(folder / "r.tif", change(result)), write(folder / "t.tif", truth))
    assert code == 2
    assert words in found["error"]
