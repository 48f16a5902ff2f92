"""The microscope model beside the measured image of a bead."""

import numpy as np
import pytest
import tifffile

from emdiff_app.physics import MicroscopePsf
from emdiff_app.physics.psf import check_psf, fwhm
from emdiff_app.physics.psf.bead import psf_from_bead
from emdiff_app.physics.psf.fitting import bead_image, fit_bead

PIXEL = (0.3, 0.13, 0.13)
NOMINAL = MicroscopePsf(na=0.85, wavelength_nm=520)


@pytest.fixture(scope="module")
def fitted(shared_data):
    image = tifffile.imread(shared_data / "psf_measured" / "psf_wl520nm_z300nm_x130nm_na0.85_n1.0.tif")
    return fit_bead(image, NOMINAL, PIXEL)


@pytest.mark.data
def test_the_measured_bead_is_as_wide_as_the_model_of_its_effective_aperture(fitted):
    for axis in range(3):
        assert fwhm(fitted.model, axis) == pytest.approx(fwhm(fitted.measured, axis), rel=0.15)
    assert fitted.psf.na == pytest.approx(0.85, rel=0.1)
    assert 0.1 < fitted.bead_um < 0.6


@pytest.mark.data
def test_across_the_nominal_aperture_explains_it_once_the_bead_has_its_size(fitted):
    nominal = bead_image(NOMINAL, PIXEL, fitted.measured.shape, fitted.bead_um)
    for axis in (1, 2):
        assert fwhm(nominal, axis) == pytest.approx(fwhm(fitted.measured, axis), rel=0.15)


@pytest.mark.data
@pytest.mark.parametrize(
    "name", ["psf_wl520nm_z300nm_x130nm_na0.85_n1.0.tif", "BIL113_zstack_z300nm_current.tif"]
)
def test_measured_beads_become_psfs(shared_data, name):
    psf = psf_from_bead(tifffile.imread(shared_data / "psf_measured" / name))
    check_psf(psf, field=(50, 128, 128))


def test_a_simulated_bead_gives_back_its_aperture():
    truth = MicroscopePsf(na=0.7, wavelength_nm=520)
    image = bead_image(truth, PIXEL, (15, 31, 31), 0.3) * 1e6
    noisy = 100 + np.random.default_rng(0).poisson(image)
    fit = fit_bead(noisy, NOMINAL, PIXEL)
    assert fit.psf.na == pytest.approx(0.7, rel=0.02)
    assert fit.bead_um == pytest.approx(0.3, abs=0.06)
