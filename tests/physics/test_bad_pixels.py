"""Bad pixels are found, and nothing that a lens can draw is taken for one."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from emdiff_app.images import stack_from_array
from emdiff_app.physics import PoissonGaussianNoise, find_bad_pixels

HOT = [(20, 30), (100, 101), (100, 102), (0, 0), (60, 127)]
DEAD = [(50, 60), (110, 110), (127, 10)]
NOISE = PoissonGaussianNoise(offset=100, gain=2, read_noise=3)


def recorded(planes, seed=0, base=60.0):
    rng = np.random.default_rng(seed)
    level = base + 400 * gaussian_filter(rng.random((planes, 128, 128)), (0, 3, 3))
    return 100 + 2 * rng.poisson(level / 2) + 3 * rng.standard_normal(level.shape)


def found(array, **options):
    return find_bad_pixels(stack_from_array(array, "ZYX", name="test"), **options)


@pytest.mark.parametrize("planes", [1, 2, 16, 40])
def test_hot_and_dead_pixels_are_found_and_no_others(planes):
    y = recorded(planes)
    for pixel in HOT:
        y[:, *pixel] += 300
    for pixel in DEAD:
        y[:, *pixel] = 40
    bad = found(y.round().clip(0, 65535).astype(np.uint16))
    assert sorted(zip(*np.nonzero(bad.hot), strict=True)) == sorted(HOT)
    assert sorted(zip(*np.nonzero(bad.dead), strict=True)) == sorted(DEAD)
    assert bad.counts == {"dead": len(DEAD), "hot": len(HOT), "saturated": 0}
    assert bad.mask.sum() == len(HOT) + len(DEAD)
    assert (bad.caveat is not None) == (planes < 4)  # a few pictures cannot tell a speck from the camera


def test_a_cosmic_ray_in_one_plane_is_no_hot_pixel():
    y = recorded(8)
    y[3, 77, 77] += 5000
    assert found(y).counts == {"dead": 0, "hot": 0, "saturated": 0}


def test_more_bad_pixels_than_cameras_have_are_doubted():
    y = recorded(8)
    y[:, 5::12, 5::12] += 300
    bad = found(y)
    assert bad.counts["hot"] > 100
    assert "more than cameras have" in bad.caveat
    assert found(recorded(8)).caveat is None


def test_beads_are_no_hot_pixels():
    points = np.zeros((128, 128))
    points[8::16, 8::16] = 6000
    level = np.stack([gaussian_filter(points, 0.8)] * 16)
    rng = np.random.default_rng(0)
    y = 100 + 2 * rng.poisson(level / 2) + 3 * rng.standard_normal(level.shape)
    assert found(y, noise=NOISE).counts["hot"] == 0
    assert found(y[:1], noise=NOISE).counts["hot"] == 0


def test_single_photons_in_the_dark_are_no_hot_pixels():
    rng = np.random.default_rng(0)
    y = 16 + 28 * rng.poisson(0.1, (1, 256, 256)) + 2.0 * rng.standard_normal((1, 256, 256))
    noise = PoissonGaussianNoise(offset=16, gain=28, read_noise=2)
    assert found(y, noise=noise).counts["hot"] == 0


def test_a_pixel_that_never_changes_is_stuck():
    y = recorded(12).round()
    y[:, 40, 40] = y[0, 40, 40]
    assert [tuple(p) for p in np.argwhere(found(y).mask)] == [(40, 40)]


def test_a_masked_patch_is_not_the_cameras_fault():
    y = recorded(12).round()
    y[:, :30, :30] = 0
    assert not found(y, noise=NOISE).mask[:28, :28].any()


def test_saturation_is_counted_at_a_pile_up_or_at_the_end_of_the_bits():
    y = recorded(4).clip(None, 330)
    bad = found(y.astype(np.uint16))
    assert bad.ceiling == 330
    assert bad.saturated == (y >= 330).sum() > 50
    assert bad.saturated_in(y[0]).sum() == (y[0] >= 330).sum()
    few = recorded(1).round().astype(np.uint16)
    few[0, 5, 5:8] = 4095
    stack = stack_from_array(few, "ZYX", name="test", significant_bits=12)
    assert find_bad_pixels(stack, NOISE).saturated == 3


def test_the_brightest_pixel_of_a_stretched_image_is_not_saturated():
    y = recorded(1)
    y = ((y - y.min()) / np.ptp(y) * 255).round().astype(np.uint8)
    bad = found(y)
    assert bad.ceiling is None
    assert bad.saturated == 0
    assert not bad.saturated_in(y[0]).any()


def test_large_planes_are_looked_at_in_strips(monkeypatch):
    y = recorded(3)
    for pixel in HOT:
        y[:, *pixel] += 300
    whole = found(y, noise=NOISE)
    monkeypatch.setattr("emdiff_app.physics.estimating.bad_pixels.STRIP", 128 * 64)
    assert np.array_equal(found(y, noise=NOISE).mask, whole.mask)
