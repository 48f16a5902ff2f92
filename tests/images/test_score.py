"""PSNR, SSIM and NRMSE are what scikit-image makes of them, and nonsense has no score."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import normalized_root_mse, peak_signal_noise_ratio, structural_similarity

from emdiff_app.errors import StackError
from emdiff_app.images.score import fit_affine, nrmse, psnr, ssim


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    truth = rng.random((48, 40)) * 500 + 100
    return truth + 20 * rng.standard_normal(truth.shape), truth


def test_the_figures_are_those_of_scikit_image(pair):
    result, truth = pair
    reach = truth.max() - truth.min()
    assert psnr(result, truth) == pytest.approx(peak_signal_noise_ratio(truth, result, data_range=reach))
    assert nrmse(result, truth) == pytest.approx(normalized_root_mse(truth, result))
    expected = structural_similarity(
        result, truth, data_range=reach, gaussian_weights=True, use_sample_covariance=False
    )
    assert ssim(result, truth) == pytest.approx(expected)


def test_a_known_error_has_a_known_psnr():
    truth = np.zeros((20, 20))
    truth[0, 0] = 100
    assert psnr(truth + 1, truth) == pytest.approx(40)
    assert psnr(truth + 1, truth, data_range=10) == pytest.approx(20)


def test_integers_do_not_wrap_around():
    truth = np.full((20, 20), 10, np.uint8)
    truth[0] = 250
    assert psnr(truth - 1, truth) == pytest.approx(20 * math.log10(240))


def test_identical_images(pair):
    _, truth = pair
    assert psnr(truth, truth) == math.inf
    assert ssim(truth, truth) == pytest.approx(1)
    assert nrmse(truth, truth) == 0


@given(st.floats(-100, 100), st.floats(0.01, 50), st.integers(0, 1000))
def test_an_affine_fit_undoes_gain_and_offset(offset, gain, seed):
    rng = np.random.default_rng(seed)
    truth = rng.random((12, 12)) * 100
    assert fit_affine(truth * gain + offset, truth) == pytest.approx(truth, abs=1e-6)
    noisy = truth + rng.standard_normal(truth.shape)
    assert psnr(fit_affine(noisy, truth), truth) >= psnr(noisy, truth) - 1e-9


def test_colours_are_scored_together(pair):
    result, truth = (np.stack([image] * 3, axis=-1) for image in pair)
    assert ssim(result, truth) == pytest.approx(ssim(*pair))


@pytest.mark.parametrize(
    ("result", "truth", "words"),
    [
        (np.ones((20, 20)), np.eye(21), "differ in size"),
        (np.full((20, 20), np.nan), np.eye(20), "result has pixels that are not numbers"),
        (np.eye(20), np.full((20, 20), np.inf), "truth has pixels that are not numbers"),
        (np.eye(20), np.ones((20, 20)), "constant"),
    ],
)
def test_what_cannot_be_scored_is_refused(result, truth, words):
    for measure in (psnr, ssim):
        with pytest.raises(StackError, match=words):
            measure(result, truth)


def test_ssim_needs_a_window():
    with pytest.raises(StackError, match="at least 11x11"):
        ssim(np.eye(8), np.eye(8))
    with pytest.raises(StackError, match="above zero"):
        psnr(np.eye(8), np.eye(8), data_range=-1)
