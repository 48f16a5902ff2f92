"""The imaging model as a file, and what it promises once bound to images."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from emdiff_app.errors import PhysicsError
from emdiff_app.images import IntensityScale, PixelSize
from emdiff_app.physics import GaussianNoise, GaussianPsf, ImagingModel, PoissonGaussianNoise

CAMERA = {"kind": "poisson-gaussian", "offset": 100, "gain": 2.2, "read_noise": 1.6}
EXAMPLE = {"operator": [{"kind": "blur", "psf": {"kind": "gaussian", "fwhm_um": 0.25}}], "noise": CAMERA}


def test_a_model_survives_its_file(tmp_path):
    (tmp_path / "m.json").write_text(json.dumps(EXAMPLE))
    model = ImagingModel.read(tmp_path / "m.json")
    assert model.operator[0].psf == GaussianPsf(fwhm_um=0.25)
    assert model.noise == PoissonGaussianNoise(offset=100, gain=2.2, read_noise=1.6)
    model.write(tmp_path / "again.json")
    assert ImagingModel.read(tmp_path / "again.json") == model


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"operator": [{"kind": "blur", "psf": {"kind": "gaussian", "fwhm_um": -1}}]},
            r"operator[0].psf.fwhm_um: must be positive",
        ),
        (
            {"operator": [{"kind": "blur", "psf": {"kind": "gaussian"}}]},
            "operator[0].psf: give the width once",
        ),
        ({"operator": [{"kind": "blurr"}]}, "operator[0]: there is no kind 'blurr'"),
        ({"operator": [{"kind": "blur", "psf": {"fwhm_um": 1}}]}, "operator[0].psf: say which 'kind'"),
        ({"operator": [{"kind": "mask", "missing": 1.5}]}, "operator[0].missing: "),
        (
            {"operator": [{"kind": "mask", "pattern": "lines"}]},
            "operator[0]: a mask of the pattern 'lines' needs 'step'",
        ),
        ({"operator": [{"kind": "downsample", "factor": 0}]}, "operator[0].factor"),
        (
            {"operator": [{"kind": "identity"}, {"kind": "identity", "x": 1}]},
            "operator[1].x: there is no such field",
        ),
        (
            {"operator": [{"kind": "blur", "psf": {"kind": "microscope", "na": 1.4, "wavelength_nm": 520}}]},
            "operator[0].psf: a numerical aperture of 1.4 needs",
        ),
        ({"noise": {"kind": "gaussian", "sigma": 0}}, "noise.sigma: must be positive"),
        ({"noise": {"kind": "gaussian", "sigma": "NaN"}}, "noise.sigma: must be a finite number"),
        ({"operator": {"kind": "blur"}}, "operator: must be a list"),
        ({"operator": [{"kind": "blur", "psf": "gaussian"}]}, "operator[0].psf: must be an object"),
        ({"operator": [{"kind": "mask", "missing": 1}]}, "operator[0].missing: must be less than 1"),
        ({"noise": None}, "noise: "),
        ({"nose": {}}, "nose: there is no such field"),
    ],
)
def test_a_wrong_field_is_named_by_its_path(tmp_path, change, words):
    (tmp_path / "m.json").write_text(json.dumps(EXAMPLE | change))
    with pytest.raises(PhysicsError) as error:
        ImagingModel.read(tmp_path / "m.json")
    assert f"m.json: {words}" in str(error.value)
    assert "\n" not in str(error.value)
    assert str(error.value).count(";") == 1  # one wrong field is reported once


@pytest.mark.parametrize(
    ("operator", "words"),
    [
        (
            {"kind": "blur", "psf": {"kind": "gaussian", "fwhm_um": 1}},
            "operator[1].psf.fwhm_um: the pixel size",
        ),
        (
            {"kind": "blur", "psf": {"kind": "image", "path": "no.tif"}},
            "operator[1].psf.path: there is no file",
        ),
        ({"kind": "blur", "psf": {"kind": "image", "path": "m.txt"}}, "operator[1].psf.path: m.txt"),
        ({"kind": "blur", "psf": {"kind": "disc", "radius_px": 20}}, "operator[1]: the PSF (41 x 41 pixels)"),
        ({"kind": "motion-blur", "length_um": 1}, "operator[1].length_um: the pixel size along Y"),
        ({"kind": "mask", "pattern": "image", "path": "m.txt"}, "operator[1].path: m.txt"),
    ],
)
def test_what_only_the_images_can_tell_is_named_by_its_path_too(tmp_path, operator, words):
    (tmp_path / "m.txt").write_text("no image")
    model = ImagingModel.parse({**EXAMPLE, "operator": [{"kind": "identity"}, operator]}).located(tmp_path)
    with pytest.raises(PhysicsError) as error:
        model.bind((64, 64))
    assert str(error.value).startswith(words)


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(PhysicsError, match="cannot be read"):
        ImagingModel.read(tmp_path / "none.json")
    (tmp_path / "m.json").write_text("{")
    with pytest.raises(PhysicsError, match="this is not JSON"):
        ImagingModel.read(tmp_path / "m.json")
    (tmp_path / "m.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PhysicsError, match="cannot be read"):
        ImagingModel.read(tmp_path / "m.json")
    (tmp_path / "m.json").write_bytes(b" " * (5 << 20))
    with pytest.raises(PhysicsError, match="larger than 4 MB"):
        ImagingModel.read(tmp_path / "m.json")


def test_a_model_from_elsewhere_cannot_read_other_files(tmp_path):
    import tifffile

    (tmp_path / "inside").mkdir()
    tifffile.imwrite(tmp_path / "mask.tif", np.ones((8, 8), np.uint8))
    operator = {"kind": "mask", "pattern": "image", "path": "../mask.tif"}
    model = ImagingModel.parse({"operator": [operator], "noise": CAMERA})
    assert model.located(tmp_path / "inside").bind((8, 8)).observed.all()
    with pytest.raises(PhysicsError, match="leads out of the folder"):
        model.located(tmp_path / "inside", confined=True).bind((8, 8))
    absolute = ImagingModel.parse(
        {"operator": [operator | {"path": str(tmp_path / "mask.tif")}], "noise": CAMERA}
    )
    with pytest.raises(PhysicsError, match="leads out of the folder"):
        absolute.located(tmp_path / "inside", confined=True).bind((8, 8))


def test_simulated_images_have_the_stated_mean_and_variance():
    model = ImagingModel.parse(
        {
            "operator": [{"kind": "blur", "psf": {"kind": "gaussian", "sigma_px": 1}}],
            "noise": CAMERA,
        }
    )
    bound = model.bind((18, 18), dtype=torch.float64)
    x = 100 + 40 * torch.rand(1, 1, *bound.domain, dtype=torch.float64)
    count = 4000
    y = bound.simulate(x.expand(count, -1, -1, -1), 5)
    variance = bound.noise_variance(x)[0, 0]
    mean_error = (y.mean(0)[0] - bound.apply(x)[0, 0]) / (variance / count).sqrt()
    assert mean_error.abs().max() < 5
    assert abs(mean_error.square().mean().item() - 1) < 0.35
    ratio = y.var(0)[0] / variance
    assert abs(ratio.mean().item() - 1) < 0.01
    assert bound.chi2(y, x.expand(count, -1, -1, -1)).mean().item() == pytest.approx(1, abs=0.01)


def test_the_same_seed_gives_the_same_image():
    bound = ImagingModel.parse({"noise": CAMERA}).bind((8, 8))
    x = torch.full((2, 1, 8, 8), 150.0)
    assert torch.equal(bound.simulate(x, 3), bound.simulate(x, 3))
    assert not torch.equal(bound.simulate(x, 3), bound.simulate(x, 4))
    assert not torch.equal(bound.simulate(x, 3)[0], bound.simulate(x, 3)[1])


def test_the_scale_moves_everything_into_the_units_of_the_prior():
    model = ImagingModel.parse({"operator": [{"kind": "mask", "missing": 0.2}], "noise": CAMERA})
    scale = IntensityScale(offset=100, gain=250)
    plain, scaled = (
        model.bind((16, 16), dtype=torch.float64),
        model.bind((16, 16), scale=scale, dtype=torch.float64),
    )
    x = 100 + 300 * torch.rand(2, 1, 16, 16, dtype=torch.float64)
    y = plain.simulate(x, 1)
    sy, sx = scale.forward(y), scale.forward(x)
    torch.testing.assert_close(scaled.chi2(sy, sx), plain.chi2(y, x))
    torch.testing.assert_close(
        scale.inverse(scaled.solve(sy, sx + 0.1, 0.2)), plain.solve(y, x + 25, 50.0), rtol=1e-9, atol=1e-9
    )


def test_noise_may_differ_from_image_to_image():
    model = ImagingModel(noise=PoissonGaussianNoise(gain=1))
    gain = torch.tensor([0.5, 4.0]).reshape(2, 1, 1, 1)
    bound = model.bind((4, 4), arrays={"gain": gain})
    x = torch.full((2, 1, 4, 4), 10.0)
    assert bound.noise_variance(x)[:, 0, 0, 0].tolist() == [5, 40]
    sigma = ImagingModel(noise=GaussianNoise(sigma=1)).bind((4, 4), arrays={"sigma": gain})
    assert sigma.noise_variance(x).flatten().tolist() == [0.25, 16]


def test_the_likelihood_counts_observed_pixels_only():
    model = ImagingModel.parse(
        {"operator": [{"kind": "mask", "missing": 0.5}], "noise": {"kind": "gaussian", "sigma": 2}}
    )
    bound = model.bind((10, 10), dtype=torch.float64)
    x = torch.zeros(1, 1, 10, 10, dtype=torch.float64)
    y = torch.where(bound.observed, 1.0, torch.nan).to(x)
    each = -0.5 * np.log(2 * np.pi * 4) - 1 / 8
    assert bound.log_likelihood(y, x).item() == pytest.approx(each * bound.observed.sum().item())


def test_the_model_binds_itself_to_what_it_is_given():
    chain = [
        {"kind": "blur", "psf": {"kind": "gaussian", "sigma_px": 1}},
        {"kind": "downsample", "factor": 2},
    ]
    model = ImagingModel.parse({"operator": chain, "noise": {"kind": "gaussian", "sigma": 1}})
    x = torch.rand(1, 1, 48, 40)
    y = model.apply(x)
    assert y.shape[2:] == (20, 16)
    assert model.adjoint(y).shape == x.shape
    assert model.solve(y, x, 1.0).shape == x.shape
    assert model.residual(model.simulate(x, 0), x).std().item() == pytest.approx(1, abs=0.2)
    with pytest.raises(PhysicsError, match=r"47 x 40 pixels does not fit.*2 n \+ 8"):
        model.apply(x[:, :, 1:])


def test_a_volume_takes_its_own_pixel_size_along_z():
    model = ImagingModel.parse(EXAMPLE)
    size = {"Z": PixelSize(0.25), "Y": PixelSize(0.125), "X": PixelSize(0.125)}
    assert model.bind((20, 30, 30), pixel_size=size).domain == (24, 36, 36)
    assert model.bind((30, 30), pixel_size=size).domain == (36, 36)


def test_the_model_in_the_documentation_is_one():
    page = Path(__file__).parents[2] / "docs" / "physics.md"
    text = page.read_text(encoding="utf-8").split("```json\n")[1].split("```")[0]
    assert [o.kind for o in ImagingModel.parse(text).operator] == ["blur", "downsample", "mask"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("boundary", ["crop", "periodic"])
def test_a_gpu_gives_the_same_images(boundary):
    blur = {"kind": "blur", "psf": {"kind": "gaussian", "sigma_px": 1.5}, "boundary": boundary}
    chain = [blur, {"kind": "downsample", "factor": 2}]
    for more in ([], [{"kind": "mask", "missing": 0.3}]):
        model = ImagingModel.parse({"operator": chain + more, "noise": CAMERA})
        here, there = model.bind((40, 42)), model.bind((40, 42), device="cuda")
        x = 100 + 50 * torch.rand(3, 1, *here.domain)
        y = here.simulate(x, 1)
        torch.testing.assert_close(there.simulate(x.cuda(), 1).cpu(), y, rtol=1e-4, atol=1e-3)
        torch.testing.assert_close(there.adjoint(y.cuda()).cpu(), here.adjoint(y), rtol=1e-4, atol=1e-3)
        solved = there.solve(y.cuda(), x.cuda(), 3.0).cpu()
        torch.testing.assert_close(solved, here.solve(y, x, 3.0), rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("background", [0.0, 0.2, 3.0])
def test_the_residual_of_photon_counts_is_one_where_the_truth_is_dark(background):
    """No read noise, and half of the image nearly black: as photon counters record it."""
    model = ImagingModel.model_validate(
        {"noise": {"kind": "poisson-gaussian", "gain": 0.1, "read_noise": 0.0}}
    )
    bound = model.bind((200, 200))
    x = torch.full((1, 1, 200, 200), 0.1 * background)
    x[..., 100:] = 3.0
    y = bound.simulate(x, 1)
    assert float(bound.chi2(y, x)) == pytest.approx(1, abs=0.03)
    guess = x + 0.05 * torch.randn(x.shape, generator=torch.Generator().manual_seed(2))  # half a photon off
    assert float(bound.chi2(y, guess)) < 1.6
