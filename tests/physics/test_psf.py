"""PSFs: the right width, the right sum, and no bad one gets through."""

import numpy as np
import pytest
import tifffile

from emdiff_app.errors import PhysicsError
from emdiff_app.images import PixelSize
from emdiff_app.physics import BoxPsf, DiscPsf, GaussianPsf, ImagePsf, MicroscopePsf, MotionBlurSpec
from emdiff_app.physics.files import Place
from emdiff_app.physics.psf import check_psf, fwhm, motion_psf, psf_array

FINE = {"Z": PixelSize(0.1), "Y": PixelSize(0.02), "X": PixelSize(0.02)}
DRY = MicroscopePsf(na=0.85, wavelength_nm=520)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize(
    "spec",
    [
        GaussianPsf(fwhm_um=0.25),
        GaussianPsf(fwhm_px=0.3),
        BoxPsf(size_px=4),
        DiscPsf(radius_px=3.3),
        MicroscopePsf(na=0.5, wavelength_nm=600, index=1.33, shape=None),
        MicroscopePsf(na=0.5, wavelength_nm=600, modality="confocal"),
    ],
)
def test_every_psf_passes_its_own_checks(spec, ndim):
    size = {"Z": PixelSize(0.5), "Y": PixelSize(0.2), "X": PixelSize(200, "nm")}
    psf = psf_array(spec, pixel_size=size, ndim=ndim)
    assert psf.ndim == ndim
    assert psf.dtype == np.float64
    assert psf.sum() == pytest.approx(1)
    check_psf(psf, field=tuple(2 * n for n in psf.shape))


def test_a_gaussian_has_the_width_it_was_given():
    size = {"Z": PixelSize(0.3), "Y": PixelSize(0.1), "X": PixelSize(0.1)}
    psf = psf_array(GaussianPsf(fwhm_um=(1.2, 0.5, 0.4)), pixel_size=size, ndim=3)
    assert [fwhm(psf, a) for a in range(3)] == pytest.approx([4, 5, 4], rel=0.02)
    assert psf_array(GaussianPsf(sigma_px=2, shape=(9, 9))).shape == (9, 9)


@pytest.mark.parametrize(("na", "index"), [(0.3, 1.0), (0.5, 1.0), (0.75, 1.33)])
def test_the_microscope_is_as_sharp_as_theory_says(na, index):
    width = 0.514 * 0.52 / na
    fine = {axis: PixelSize(width / 15) for axis in "YX"}
    wide = psf_array(MicroscopePsf(na=na, wavelength_nm=520, index=index), pixel_size=fine)
    assert fwhm(wide, 0) / 15 == pytest.approx(1, rel=0.03)
    depth = 0.886 * 0.52 / (index - np.sqrt(index**2 - na**2))
    step = {"Z": PixelSize(depth / 40), "Y": PixelSize(0.1), "X": PixelSize(0.1)}
    volume = psf_array(
        MicroscopePsf(na=na, wavelength_nm=520, index=index, shape=(61, 15, 15)), pixel_size=step, ndim=3
    )
    assert fwhm(volume, 0) * depth / 40 == pytest.approx(depth, rel=0.05)


@pytest.mark.parametrize("radius", [0.3, 1.5, 4.0, 20.3, 400.0])
def test_a_disc_has_its_area(radius):
    psf = psf_array(DiscPsf(radius_px=radius))
    assert 1 / psf.max() == pytest.approx(max(np.pi * radius**2, 1), rel=0.03)


def test_the_first_dark_ring_lies_where_airy_found_it():
    psf = psf_array(MicroscopePsf(na=0.3, wavelength_nm=500), pixel_size=FINE)
    line = psf[psf.shape[0] // 2, psf.shape[1] // 2 :]
    dark = int(np.argmax(np.diff(line) > 0))
    assert dark * 0.02 == pytest.approx(0.61 * 0.5 / 0.3, rel=0.03)
    ring = line[dark : 2 * dark].max() / line[0]
    assert ring == pytest.approx(0.0175, rel=0.15)


def test_light_is_lost_neither_by_defocus_nor_between_planes():
    size = {"Z": PixelSize(0.5), "Y": PixelSize(0.13), "X": PixelSize(0.13)}
    spec = DRY.model_copy(update={"shape": (5, 101, 101)})
    planes = psf_array(spec, pixel_size=size, ndim=3).sum((1, 2))
    assert planes / planes.mean() == pytest.approx(np.ones(5), abs=0.04)
    assert planes[:2] == pytest.approx(planes[:2:-1])
    blurred = psf_array(MicroscopePsf(na=0.85, wavelength_nm=520, defocus_um=1), pixel_size=size)
    assert blurred.max() < 0.3 * psf_array(DRY, pixel_size=size).max()


def test_a_closed_pinhole_sharpens_and_an_open_one_does_not():
    def width(**words):
        spec = MicroscopePsf(na=0.85, wavelength_nm=520, shape=(61, 61), **words)
        return fwhm(psf_array(spec, pixel_size=FINE), 0)

    wide = width()
    assert width(modality="confocal", pinhole=0) == pytest.approx(0.72 * wide, rel=0.03)
    assert width(modality="confocal", pinhole=5) == pytest.approx(wide, rel=0.03)
    assert width(modality="confocal", pinhole=5, excitation_nm=405) == pytest.approx(
        wide * 405 / 520, rel=0.04
    )


def test_motion_spreads_evenly_along_its_way():
    psf = motion_psf(MotionBlurSpec(length_px=20, angle_deg=0))
    assert psf.shape == (1, 21)
    assert psf[0, 1:-1] == pytest.approx(np.full(19, 1 / 20), rel=0.05)
    corner = motion_psf(MotionBlurSpec(path=((0, 0), (0, 6), (6, 6))))
    weight = corner.sum()
    assert weight == pytest.approx(1)
    rows, columns = np.indices(corner.shape)
    assert (corner * rows).sum() == pytest.approx(corner.shape[0] // 2)
    assert (corner * columns).sum() == pytest.approx(corner.shape[1] // 2)
    assert motion_psf(MotionBlurSpec(length_um=1), pixel_size=FINE, ndim=3).shape == (1, 1, 51)


def good(n=5):
    psf = np.ones((n, n))
    return psf / psf.sum()


@pytest.mark.parametrize(
    ("psf", "field", "words"),
    [
        (np.full((5, 5), np.nan), None, "not a number.*every value.*another file"),
        (np.where(np.eye(5) > 0, np.nan, 1), None, "not a number.*a part"),
        (good(), (9, 20), "larger than half the image.*9 x 20.*crop"),
        (good(), (9, 20, 20), "flat and the images are volumes"),
        (good()[None], (20, 20), "a volume and the images are flat"),
        (good(4), None, "no middle pixel.*odd"),
        (good() * 2, None, "sums to 2.*divide"),
        (good() - 0.1 * np.eye(5) + 0.02, None, "negative"),
        (np.eye(7)[:1].T @ np.eye(7)[:1], None, r"off its centre by -3.0, -3.0.*centre it"),
        (np.zeros((5, 5)), None, "sums to 0"),
    ],
)
def test_a_bad_psf_is_refused_with_its_remedy(psf, field, words):
    with pytest.raises(PhysicsError, match=words) as error:
        check_psf(psf, field=field, where="operator[0].psf")
    assert str(error.value).startswith("operator[0].psf: ")


def bead(shape=(41, 43), centre=(18.3, 22.6), sigma=2.0, background=30.0, seed=0):
    grids = np.meshgrid(*[np.arange(n) for n in shape], indexing="ij")
    squares = sum((g - c) ** 2 for g, c in zip(grids, centre, strict=True))
    noise = np.random.default_rng(seed).normal(0, 1, shape)
    return background + 1000 * np.exp(-squares / 2 / sigma**2) + noise


def test_a_bead_becomes_a_psf_that_passes(tmp_path):
    tifffile.imwrite(tmp_path / "bead.tif", bead().astype(np.uint16))
    psf = psf_array(ImagePsf(path="bead.tif"), place=Place(tmp_path))
    check_psf(psf, field=(60, 60))
    middle = tuple(n // 2 for n in psf.shape)
    assert np.unravel_index(psf.argmax(), psf.shape) == middle
    centroid = [(psf.sum(1 - a) * (np.arange(psf.shape[a]) - middle[a])).sum() for a in (0, 1)]
    assert centroid == pytest.approx([0, 0], abs=0.1)
    assert fwhm(psf, 0) == pytest.approx(2.355 * 2, rel=0.03)
    assert psf[0].max() < 0.02 * psf.max()


def test_a_bead_comes_onto_the_pixels_of_the_images(tmp_path):
    tifffile.imwrite(tmp_path / "bead.tif", bead((81, 81), (40, 40), sigma=6).astype(np.uint16))
    spec = ImagePsf(path="bead.tif", pixel_size_um=0.05)
    size = {"Y": PixelSize(0.1), "X": PixelSize(0.2)}
    psf = psf_array(spec, pixel_size=size, place=Place(tmp_path))
    assert fwhm(psf, 0) * 0.1 == pytest.approx(0.05 * 6 * 2.355, rel=0.05)
    assert fwhm(psf, 1) * 0.2 == pytest.approx(0.05 * 6 * 2.355, rel=0.08)
    with pytest.raises(PhysicsError, match="pixel size along Y is not known"):
        psf_array(spec, place=Place(tmp_path))


def test_what_cannot_be_a_psf_file_is_refused(tmp_path):
    with pytest.raises(PhysicsError, match="no file"):
        psf_array(ImagePsf(path="none.tif"), place=Place(tmp_path))
    tifffile.imwrite(tmp_path / "nan.tif", np.full((9, 21, 21), np.nan, np.float32))
    with pytest.raises(PhysicsError, match=r"not a number.*every pixel.*another file"):
        psf_array(ImagePsf(path="nan.tif"), ndim=3, place=Place(tmp_path))
    with pytest.raises(PhysicsError, match="3 axes of more than one pixel and the images have 2"):
        psf_array(ImagePsf(path="nan.tif"), ndim=2, place=Place(tmp_path))
    tifffile.imwrite(tmp_path / "flat.tif", np.full((21, 21), 7, np.uint8))
    with pytest.raises(PhysicsError, match="brighter than its background"):
        psf_array(ImagePsf(path="flat.tif"), place=Place(tmp_path))


@pytest.mark.parametrize(
    "spec",
    [
        GaussianPsf(sigma_px=1e9),
        GaussianPsf(fwhm_um=1e12),
        BoxPsf(size_px=1e7),
        DiscPsf(radius_px=1e6),
        MicroscopePsf(na=0.01, wavelength_nm=2000),
        MicroscopePsf(na=0.95, wavelength_nm=500, defocus_um=1e3, shape=(9, 9)),
        MicroscopePsf(na=0.95, wavelength_nm=500, defocus_um=1e9),
    ],
)
def test_an_absurd_size_is_refused_before_it_fills_the_memory(spec):
    with pytest.raises(PhysicsError, match="nothing was changed"):
        psf_array(spec, pixel_size=FINE)
