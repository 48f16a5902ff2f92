"""The noise of images is found, and where it cannot be, that is said."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from emdiff_app.errors import PhysicsError
from emdiff_app.images import stack_from_array
from emdiff_app.physics import GaussianNoise, PoissonGaussianNoise, estimate_noise
from emdiff_app.physics.model import ImagingModel


def scene(rng, planes=4, size=192, brightest=800.0):
    """Blobs, seen through a lens, from darkness to `brightest`."""
    dots = (rng.random((planes, size, size)) < 0.002) * rng.random((planes, size, size))
    seen = gaussian_filter(dots, (0, 1.2, 1.2)) + 4 * gaussian_filter(dots, (0, 6, 6))
    return brightest * seen / seen.max()


def recorded(rng, level, gain, read, offset):
    return offset + gain * rng.poisson(level / gain) + read * rng.standard_normal(level.shape)


def estimate(array, axes="ZYX", **options):
    return estimate_noise(stack_from_array(array, axes, name="test"), **options)


@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(st.floats(0.5, 10), st.floats(1, 10), st.floats(40, 500), st.integers(0, 2**31))
def test_gain_and_total_variance_are_found(gain, read, offset, seed):
    rng = np.random.default_rng(seed)
    level = scene(rng)
    y = recorded(rng, level, gain, read, offset).round().clip(0, 65535).astype(np.uint16)
    found = estimate(y)
    true = PoissonGaussianNoise(offset=offset, gain=gain, read_noise=read)
    assert found.model.gain == pytest.approx(gain, rel=0.15)
    assert found.variance_at_median == pytest.approx(true.variance(np.median(y)) + 1 / 12, rel=0.1)
    bright = offset + 0.7 * level.max()
    assert found.model.variance(bright) == pytest.approx(true.variance(bright), rel=0.15)


def test_with_the_offset_the_read_noise_and_photons_come_out_too():
    rng = np.random.default_rng(0)
    level = scene(rng) + 20
    y = recorded(rng, level, 2.0, 6.0, 100)
    found = estimate(y, offset=100)
    assert found.model.offset == 100
    assert found.model.read_noise == pytest.approx(6, rel=0.15)
    assert found.photons_at_median == pytest.approx((np.median(y) - 100) / 2, rel=0.1)
    assert not found.caveats


def test_without_it_the_darkest_background_stands_for_it_and_that_is_said():
    rng = np.random.default_rng(0)
    found = estimate(recorded(rng, scene(rng) + 20, 2.0, 6.0, 100))
    assert 110 < found.model.offset < 140
    assert any("offset is not known" in c for c in found.caveats)


def test_an_offset_that_cannot_be_is_doubted():
    rng = np.random.default_rng(0)
    found = estimate(recorded(rng, scene(rng), 2.0, 1.0, 100), offset=0)
    assert any("Check the offset" in c for c in found.caveats)


@pytest.mark.parametrize("flat", [True, False])
def test_gaussian_noise_is_called_gaussian(flat):
    rng = np.random.default_rng(1)
    level = np.full((2, 128, 128), 50.0) if flat else scene(rng, 2)
    found = estimate(level + 7 * rng.standard_normal(level.shape))
    assert isinstance(found.model, GaussianNoise)
    assert found.model.sigma == pytest.approx(7, rel=0.04)
    assert found.variance_error < 0.1
    assert any("Gaussian" in c for c in found.caveats)


def test_too_small_a_range_is_said():
    rng = np.random.default_rng(1)
    level = np.linspace(100, 101, 64 * 64).reshape(1, 64, 64)
    found = estimate(recorded(rng, level, 0.05, 8.0, 0))
    assert isinstance(found.model, GaussianNoise)
    assert any("too little to tell" in c for c in found.caveats)


def test_images_stretched_on_their_own_are_measured_one_by_one():
    rng = np.random.default_rng(2)
    y = recorded(rng, scene(rng, 5), 4.0, 3.0, 100)
    low, high = y.min((1, 2), keepdims=True), y.max((1, 2), keepdims=True)
    found = estimate(((y - low) / (high - low) * 255).round().astype(np.uint8))
    assert found.per_image
    assert len(found.parts) == 5
    assert "stretched" in found.caveats[0]
    for part, width in zip(found.parts, (high - low).ravel(), strict=True):
        assert part.model.gain == pytest.approx(4.0 * 255 / width, rel=0.2)
        assert found.model_for(part.index) == part.model


def test_images_scaled_differently_in_floats_are_noticed_by_their_noise():
    rng = np.random.default_rng(3)
    scale = np.array([0.4, 0.7, 1.0, 1.9, 3.0, 4.0])[:, None, None]
    found = estimate(scale * recorded(rng, scene(rng, 6), 4.0, 3.0, 100))
    assert found.per_image
    gains = np.array([p.model.gain for p in found.parts])
    assert gains / (4 * scale.ravel()) == pytest.approx(np.ones(6), rel=0.2)


def test_one_camera_is_measured_as_one():
    rng = np.random.default_rng(3)
    assert not estimate(recorded(rng, scene(rng, 6), 4.0, 3.0, 100)).per_image
    assert estimate(recorded(rng, scene(rng, 3), 4.0, 3.0, 100), per_image=True).per_image


def test_repeated_frames_see_through_texture_that_fools_single_ones():
    rng = np.random.default_rng(4)
    sharp = 600 * rng.random((48, 48)).repeat(3, 0).repeat(3, 1)
    y = recorded(rng, np.stack([sharp] * 4), 2.0, 5.0, 50)
    found = estimate(y, "TYX")
    assert found.from_repeats
    assert found.model.gain == pytest.approx(2, rel=0.05)
    assert estimate(y, "ZYX", repeats=True).model == found.model
    moving = np.stack([np.roll(sharp, 5 * i, 0) for i in range(4)])
    assert not estimate(recorded(rng, moving, 2.0, 5.0, 50), "TYX").from_repeats


def test_saturated_pixels_and_clipping_at_zero_do_not_bend_the_line():
    rng = np.random.default_rng(5)
    y = recorded(rng, scene(rng, 8), 2.0, 5.0, 4)
    found = estimate(y.clip(0, 300).round().astype(np.uint16))
    assert found.model.gain == pytest.approx(2, rel=0.1)


def test_hot_pixels_do_not_matter():
    rng = np.random.default_rng(6)
    y = recorded(rng, scene(rng), 2.0, 5.0, 100)
    y[:, rng.random(y.shape[1:]) < 0.002] += 3000
    assert estimate(y).model.gain == pytest.approx(2, rel=0.1)


def test_smoothed_images_are_recognised():
    rng = np.random.default_rng(7)
    y = gaussian_filter(recorded(rng, scene(rng), 2.0, 5.0, 100), (0, 0.8, 0.8))
    assert any("smoothed" in c for c in estimate(y).caveats)


def test_no_noise_is_said_and_constant_borders_are_left_out():
    rng = np.random.default_rng(8)
    assert any("No noise" in c for c in estimate(np.full((1, 64, 64), 3.0)).caveats)
    y = recorded(rng, scene(rng), 2.0, 5.0, 100)
    y[:, :80] = 0
    assert estimate(y).model.gain == pytest.approx(2, rel=0.1)


def test_too_few_pixels_and_no_finite_ones_are_refused():
    for size in (1, 6, 12):
        with pytest.raises(PhysicsError, match="too few pixels"):
            estimate(np.random.default_rng(0).random((size, size)), "YX")
    with pytest.raises(PhysicsError, match="no finite pixels"):
        estimate(np.full((64, 64), np.nan), "YX")


def test_pixels_that_are_not_numbers_are_left_out():
    rng = np.random.default_rng(9)
    y = recorded(rng, scene(rng), 2.0, 5.0, 100)
    y[:, 30:50, 60:90] = np.nan
    assert estimate(y).model.gain == pytest.approx(2, rel=0.1)


def test_the_curve_and_the_model_can_be_used():
    rng = np.random.default_rng(10)
    found = estimate(recorded(rng, scene(rng), 2.0, 5.0, 100))
    assert len(found.points) > 10
    many = [p for p in found.points if p.weight > 30]
    for point in many:
        assert point.variance == pytest.approx(float(found.model.variance(point.level)), rel=0.4)
    assert ImagingModel.parse(found.imaging_model()).noise == found.model
    assert type(found).model_validate_json(found.model_dump_json()) == found


def test_the_same_seed_gives_the_same_estimate():
    y = recorded(np.random.default_rng(11), scene(np.random.default_rng(0), 60, 64), 2.0, 5.0, 100)
    assert estimate(y, seed=3) == estimate(y, seed=3)
