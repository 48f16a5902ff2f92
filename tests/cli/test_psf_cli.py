"""`emdiff psf`."""

import json

import numpy as np
import pytest

from emdiff_app.cli import main
from emdiff_app.images import PixelSize, open_stack, save_stack, stack_from_array
from emdiff_app.physics import ImagingModel, MicroscopePsf
from emdiff_app.physics.psf.fitting import bead_image


def run(capsys, *words):
    code = main([str(w) for w in words])
    return code, capsys.readouterr()


def test_the_psf_command_writes_a_psf_that_a_model_can_use(tmp_path, capsys):
    words = ("psf", "--na", 0.85, "--wavelength", 520, "--pixel-size", 0.13, "--json")
    code, said = run(capsys, *words, "--z-step", 0.3, "--shape", "9,15,15", "--out", tmp_path / "psf.tif")
    assert code == 0
    result = json.loads(said.out)
    assert result["shape"] == [9, 15, 15]
    assert result["fwhm_um"]["X"] == pytest.approx(0.33, abs=0.02)
    assert result["fwhm_um"]["Z"] == pytest.approx(0.98, abs=0.05)
    with open_stack(tmp_path / "psf.tif") as psf:
        assert psf.numpy().sum() == pytest.approx(1, abs=1e-5)
        assert psf.pixel_size["Z"].value == pytest.approx(0.3)
    used = ImagingModel.parse(
        {
            "operator": [{"kind": "blur", "psf": {"kind": "image", "path": "psf.tif"}}],
            "noise": {"kind": "gaussian", "sigma": 1},
        }
    ).located(tmp_path)
    size = {"Z": PixelSize(0.3), "Y": PixelSize(0.13), "X": PixelSize(0.13)}
    domain = used.bind((24, 40, 40), pixel_size=size).domain
    assert all(n < d for n, d in zip((24, 40, 40), domain, strict=True))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--na", 1.4), "a numerical aperture of 1.4 needs an immersion"),
        (("--na", 0.8, "--shape", "8,8"), "must be 2 odd numbers"),
        (("--na", 0.8, "--shape", "big"), "not a list of numbers"),
        (("--na", 0.8, "--z-step", -1), "makes no sense"),
        (("--na", -1), "na: must be positive"),
        (("--na", 0.8, "--wavelength", 0.52), "wavelength_nm: must be greater than 100"),
    ],
)
def test_an_impossible_microscope_is_refused(tmp_path, capsys, words, sentence):
    out = tmp_path / "psf.tif"
    code, said = run(capsys, "psf", "--wavelength", 520, "--pixel-size", 0.1, "--out", out, *words)
    assert code == 2
    assert sentence in said.err
    assert "Traceback" not in said.err
    assert not out.exists()


def test_pixels_far_wider_than_the_psf_are_a_word_worth(tmp_path, capsys):
    words = ("psf", "--na", 0.8, "--wavelength", 520, "--json")
    _, said = run(capsys, *words, "--pixel-size", 100, "--out", tmp_path / "large.tif")
    (sentence,) = json.loads(said.out)["warnings"]
    assert "302 times as wide as the PSF (0.33 um)" in sentence
    assert "in um" in sentence
    _, said = run(capsys, *words, "--pixel-size", 0.3, "--out", tmp_path / "usual.tif")
    assert json.loads(said.out)["warnings"] == []


@pytest.mark.parametrize("stated", [True, False])
def test_a_bead_is_measured_on_the_pixels_that_its_file_states(tmp_path, capsys, stated):
    bead = bead_image(MicroscopePsf(na=0.6, wavelength_nm=520), (0.1, 0.1), (41, 41), 0.1)
    size = {axis: PixelSize(0.1) for axis in "YX"} if stated else {}
    save_stack(stack_from_array(bead.astype(np.float32), "YX", pixel_size=size), tmp_path / "bead.tif")
    pixel = 0.2 if stated else 0.1
    words = ("psf", "--na", 0.7, "--wavelength", 520, "--pixel-size", pixel, "--json")
    code, said = run(capsys, *words, "--bead", tmp_path / "bead.tif", "--out", tmp_path / "psf.tif")
    assert code == 0
    assert json.loads(said.out)["effective_na"] == pytest.approx(0.6, rel=0.05)
