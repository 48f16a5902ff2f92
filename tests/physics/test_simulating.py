"""Whole stacks through an imaging model, as `emdiff simulate` writes them."""

import json

import numpy as np
import pytest
import tifffile

from emdiff_app.cli import main
from emdiff_app.errors import PhysicsError
from emdiff_app.images import PixelSize, open_stack, stack_from_array
from emdiff_app.physics import ImagingModel
from emdiff_app.physics.simulating import simulate_stack

CAMERA = {"kind": "poisson-gaussian", "offset": 100, "gain": 2, "read_noise": 1.5}


def model(*operators, noise=CAMERA):
    return ImagingModel.parse({"operator": list(operators), "noise": noise})


def stack(shape=(3, 40, 44), axes="ZYX", level=None, seed=0):
    pixels = np.random.default_rng(seed).uniform(100, 400, shape) if level is None else np.full(shape, level)
    size = {"Z": PixelSize(0.3), "Y": PixelSize(0.1), "X": PixelSize(0.1)}
    return stack_from_array(pixels.astype(np.float32), axes, pixel_size=size, channels=(), name="cells")


def test_each_plane_has_noise_of_its_own_that_depends_on_the_seed_and_its_number_alone():
    clean = stack(level=300.0)
    recorded = simulate_stack(clean, model(), 1)
    again = simulate_stack(clean, model(), 1)
    assert np.array_equal(recorded.plane((2,)), again.numpy()[2])
    assert not np.array_equal(recorded.plane((0,)), recorded.plane((1,)))
    assert not np.array_equal(recorded.plane((0,)), simulate_stack(clean, model(), 2).plane((0,)))
    assert recorded.numpy().mean() == pytest.approx(300, abs=1.5)
    assert recorded.numpy().var() == pytest.approx(2 * 200 + 1.5**2, rel=0.06)


def test_downsampling_keeps_the_field_and_says_where_its_pixels_lie():
    recorded = simulate_stack(stack(), model({"kind": "downsample", "factor": 4}), 0)
    assert recorded.shape == (3, 10, 11)
    assert recorded.pixel_size["X"] == PixelSize(0.4)
    assert recorded.pixel_size["Z"] == PixelSize(0.3)
    assert recorded.extras["shift_px"] == {"Y": 1.5, "X": 1.5}
    cut = simulate_stack(stack(), model({"kind": "downsample", "factor": 3}), 0)
    assert cut.shape == (3, 13, 14)
    assert "1 along Y, 2 along X" in cut.warnings[-1]


def test_a_volume_is_blurred_along_z_where_the_model_says_so():
    pixels = np.zeros((12, 20, 20), np.float32)
    pixels[6] = 100
    quiet = {"kind": "gaussian", "sigma": 1e-3}
    across = {"kind": "blur", "psf": {"kind": "gaussian", "sigma_px": [1.0, 0.8, 0.8], "shape": [5, 5, 5]}}
    flat = {"kind": "blur", "psf": {"kind": "gaussian", "sigma_px": 0.8}}
    clean = stack_from_array(pixels, "ZYX", name="sheet")
    volume = simulate_stack(clean, model(across, noise=quiet), 0).numpy()
    planes = simulate_stack(clean, model(flat, noise=quiet), 0).numpy()
    assert volume[5, 10, 10] == pytest.approx(100 * 0.2442, rel=0.02)
    assert planes[5, 10, 10] == pytest.approx(0, abs=0.01)
    assert planes[6] == pytest.approx(np.full((20, 20), 100), abs=0.01)  # mirrored: no dark border
    with pytest.raises(PhysicsError, match="no Z axis"):
        simulate_stack(stack((40, 44), "YX"), model(across), 0)


def test_pixels_that_are_not_numbers_are_named():
    broken = stack()
    broken.reader.array[1, 3, 3] = np.nan
    recorded = simulate_stack(broken, model(), 0)
    assert np.isfinite(recorded.plane((0,))).all()
    with pytest.raises(PhysicsError, match=r"cells: plane \(1,\) holds pixels that are not numbers"):
        recorded.plane((1,))


def test_colours_stay_colours():
    photo = stack_from_array(np.random.default_rng(0).integers(0, 255, (20, 22, 3), np.uint8), "YXS")
    recorded = simulate_stack(
        photo, model({"kind": "downsample", "factor": 2}, noise={"kind": "gaussian", "sigma": 0.1}), 0
    )
    assert recorded.plane().shape == (10, 11, 3)
    expected = photo.plane().reshape(10, 2, 11, 2, 3).mean((1, 3))
    assert recorded.plane() == pytest.approx(expected, abs=1)


def run(capsys, *words):
    code = main([str(w) for w in words])
    return code, capsys.readouterr()


def test_the_command_writes_what_was_asked_and_says_what_it_did(tmp_path, capsys):
    clean = np.random.default_rng(0).integers(0, 200, (2, 32, 36)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "cells.tif", clean, imagej=True, metadata={"axes": "ZYX"})
    blur = {"kind": "blur", "psf": {"kind": "gaussian", "fwhm_um": 0.25}}
    (tmp_path / "m.json").write_text(
        json.dumps({"operator": [blur, {"kind": "downsample", "factor": 2}], "noise": CAMERA})
    )
    words = ("simulate", tmp_path / "cells.tif", "--model", tmp_path / "m.json", "--seed", 3, "--json")
    code, said = run(capsys, *words, "--out", tmp_path / "a.tif")
    assert code == 2
    assert "pixel size along Y is not known" in json.loads(said.out)["error"]
    code, said = run(capsys, *words, "--pixel-size", 0.1, "--out", tmp_path / "a.tif")
    assert code == 0
    result = json.loads(said.out)
    assert "darker than the camera offset" in result["warnings"][0]
    assert result["shift_px"] == {"Y": 0.5, "X": 0.5}
    code, said = run(
        capsys, *words, "--pixel-size", 0.1, "--photons", 40, "--dtype", "same", "--out", tmp_path / "b.tif"
    )
    assert code == 0
    with open_stack(tmp_path / "b.tif") as recorded:
        assert recorded.shape == (2, 16, 18)
        assert recorded.dtype == np.uint16
        assert recorded.pixel_size["X"].value == pytest.approx(0.2)
        assert recorded.numpy().mean() == pytest.approx(
            100 + 40, abs=3
        )  # half of 40 photons, 2 grey levels each
    assert run(capsys, *words, "--pixel-size", 0.1, "--out", tmp_path / "b.tif")[0] == 2


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
    used = model({"kind": "blur", "psf": {"kind": "image", "path": "psf.tif"}}).located(tmp_path)
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
    ],
)
def test_an_impossible_microscope_is_refused(tmp_path, capsys, words, sentence):
    out = tmp_path / "psf.tif"
    code, said = run(capsys, "psf", "--wavelength", 520, "--pixel-size", 0.1, "--out", out, *words)
    assert code == 2
    assert sentence in said.err
    assert "Traceback" not in said.err
    assert not out.exists()
