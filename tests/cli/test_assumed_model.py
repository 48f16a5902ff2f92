"""What a command assumes where no imaging model was given."""

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from emdiff_app.cli._model import model_or_estimate


@pytest.fixture
def level():
    rng = np.random.default_rng(0)
    return 3000 * gaussian_filter(rng.random((3, 160, 160)) ** 8, (0, 3, 3))


def recorded(level, gain=2.0, seed=1):
    rng = np.random.default_rng(seed)
    y = 100 + gain * rng.poisson(level / 2) + 4 * rng.standard_normal(level.shape)
    return y.round().clip(0, 65535).astype(np.uint16)


def write(path, array):
    tifffile.imwrite(path, array, imagej=True, metadata={"axes": "ZYX"})
    return path


def test_the_noise_is_measured_and_said_for_people(level, tmp_path):
    model, said = model_or_estimate(None, [write(tmp_path / "a.tif", recorded(level))])
    assert model.operator == ()
    assert model.noise.gain == pytest.approx(2, rel=0.1)
    assert said[0].startswith("No imaging model was given: noise alone is assumed, measured as: offset ")
    assert "gain" in said[0]
    assert not any("PoissonGaussianNoise" in sentence for sentence in said)


def test_of_several_files_the_middle_one_counts(level, tmp_path):
    files = [write(tmp_path / f"{gain}.tif", recorded(level, gain)) for gain in (8.0, 1.0, 2.0)]
    model, said = model_or_estimate(None, files)
    assert model.noise.gain == pytest.approx(2, rel=0.1)
    assert "middle one of 3 files" in said[1]


def test_one_noise_for_images_that_were_stretched_apart_is_admitted(level, tmp_path):
    planes = []
    for number, brightness in enumerate((0.2, 1, 3)):
        y = recorded(brightness * level[:1], seed=number)[0].astype(float)
        planes.append((y - y.min()) / np.ptp(y) * 65535)
    array = np.stack(planes).round().astype(np.uint16)
    apart = [write(tmp_path / f"{i}.tif", plane[None]) for i, plane in enumerate(array)]
    for files in ([write(tmp_path / "all.tif", array)], apart):
        _, said = model_or_estimate(None, files)
        assert "stretched one by one" in said[1]
        assert not any("is used for all" in sentence for sentence in said)
    _, said = model_or_estimate(None, apart[:1])
    assert not any("used for all" in sentence for sentence in said)
