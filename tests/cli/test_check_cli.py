"""`emdiff check`."""

import json

import numpy as np
import pytest
import tifffile
import torch
from scipy.ndimage import gaussian_filter

from emdiff_app.cli import main
from emdiff_app.physics.model import ImagingModel

MODEL = {
    "operator": [{"kind": "blur", "psf": {"kind": "gaussian", "fwhm_px": 4}}],
    "noise": {"kind": "poisson-gaussian", "offset": 100, "gain": 2, "read_noise": 3},
}


@pytest.fixture
def case(tmp_path):
    """A true image, and what was recorded of it; light from beyond the border included."""
    model = ImagingModel.parse(MODEL)
    imaging = model.bind((128, 128), dtype=torch.float64)
    wide = gaussian_filter(np.random.default_rng(0).random((2, *imaging.domain)), (0, 2, 2))
    wide = (wide - wide.min()) / np.ptp(wide) * 500 + 100
    x = torch.from_numpy(wide[:, None])
    write(tmp_path / "y.tif", imaging.simulate(x, 0)[:, 0].numpy())
    model.write(tmp_path / "m.json")
    return tmp_path, imaging.crop(x)[:, 0].numpy()


def write(path, array):
    tifffile.imwrite(path, array.astype(np.float32), imagej=True, metadata={"axes": "ZYX"})


def checked(capsys, folder, restored, model="m.json"):
    write(folder / "x.tif", restored)
    paths = [str(folder / "x.tif"), str(folder / "y.tif"), "--model", str(folder / model)]
    code = main(["check", *paths, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_the_truth_explains_the_data(case, capsys):
    folder, x = case
    code, found = checked(capsys, folder, x)
    assert code == 0
    assert found["believable"]
    assert found["chi2"] == pytest.approx(1, abs=0.05)
    assert np.abs(found["autocorrelation"]).max() < 0.03
    assert len(found["autocorrelation"]) == 5
    assert len(found["planes"]) == 2
    assert "explains your data" in found["verdict"]


def test_the_restoration_of_one_channel_is_checked_against_that_channel(case, capsys):
    """What was made of one channel has no C axis, and is asked for no channel."""
    folder, x = case
    with tifffile.TiffFile(folder / "y.tif") as file:
        y = file.asarray()
    dark = np.zeros_like(y)
    tifffile.imwrite(folder / "y.tif", np.stack([dark, y], 1), imagej=True, metadata={"axes": "ZCYX"})
    write(folder / "x.tif", x)
    paths = [str(folder / name) for name in ("x.tif", "y.tif")]
    assert main(["check", *paths, "--model", str(folder / "m.json"), "--channel", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["believable"]
    write(folder / "x.tif", x)
    tifffile.imwrite(
        folder / "x.tif", np.stack([dark, x.astype(np.float32)], 1), imagej=True, metadata={"axes": "ZCYX"}
    )
    assert main(["check", *paths, "--model", str(folder / "m.json"), "--channel", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["believable"]


def test_an_oversmoothed_image_does_not(case, capsys):
    folder, x = case
    _, found = checked(capsys, folder, gaussian_filter(x, (0, 4, 4)))
    assert not found["believable"]
    assert found["chi2"] > 1.5
    assert found["autocorrelation"][0] > 0.2
    assert "structure" in found["verdict"]


def test_an_image_that_kept_a_part_of_the_noise_is_told_from_an_oversmoothed_one(case, capsys):
    folder, x = case
    model = ImagingModel.parse({**MODEL, "operator": []})
    model.write(folder / "m.json")
    y = model.simulate(torch.from_numpy(x[:, None]), 0)[:, 0].numpy()
    write(folder / "y.tif", y)
    _, found = checked(capsys, folder, x + 0.6 * gaussian_filter(y - x, (0, 1, 1)))
    assert not found["believable"]
    assert found["chi2"] > 0.8
    assert found["autocorrelation"][0] < -0.05
    assert "follows a part of the noise" in found["verdict"]


def test_noise_thought_too_small_is_told_from_lost_structure(case, capsys):
    folder, x = case
    small = {**MODEL, "noise": {**MODEL["noise"], "gain": 1.0, "read_noise": 2.0}}
    (folder / "small.json").write_text(json.dumps(small))
    _, found = checked(capsys, folder, x, "small.json")
    assert found["chi2"] > 1.5
    assert "noise is under-estimated" in found["verdict"]


def test_noise_thought_too_large_is_said(case, capsys):
    folder, x = case
    large = {**MODEL, "noise": {**MODEL["noise"], "gain": 4.0}}
    (folder / "large.json").write_text(json.dumps(large))
    _, found = checked(capsys, folder, x, "large.json")
    assert found["chi2"] < 0.8
    assert "over-estimated" in found["verdict"]


def test_a_person_gets_the_verdict_first(case, capsys):
    folder, x = case
    write(folder / "x.tif", x)
    assert (
        main(["check", str(folder / "x.tif"), str(folder / "y.tif"), "--model", str(folder / "m.json")]) == 0
    )
    lines = capsys.readouterr().out.splitlines()
    assert "explains your data" in lines[0]
    assert [line.split()[0] for line in lines[1:]] == ["chi2", "whiteness", "planes"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x[:1], "planes"),
        (lambda x: x[:, :100], "pixels"),
        (lambda x: np.where(x > 500, np.nan, x), "not numbers"),
    ],
)
def test_what_does_not_belong_together_is_refused(case, capsys, change, words):
    folder, x = case
    code, found = checked(capsys, folder, change(x))
    assert code == 2
    assert words in found["error"]
