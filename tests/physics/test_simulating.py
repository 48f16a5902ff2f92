"""Whole stacks through an imaging model."""

import numpy as np
import pytest

from emdiff_app.errors import PhysicsError
from emdiff_app.images import PixelSize, stack_from_array
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
