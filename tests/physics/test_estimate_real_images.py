"""The estimates on real images: a small part of `emdiff bench noise-estimation`."""

import numpy as np
import pytest

from emdiff_app.benchmarks.noise_estimation import averaged_pairs, simulated

pytestmark = pytest.mark.data


@pytest.mark.parametrize("name", ["live_mito_u16", "dsb2018_nuclei"])
def test_known_noise_on_real_images_is_found_within_ten_percent(shared_data, name):
    for trial in simulated(shared_data, name, images=6, combinations=6, seed=5):
        assert trial.gain == pytest.approx(1, abs=0.1), trial.noise
        assert trial.variance == pytest.approx(1, abs=0.1), trial.noise


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_the_noise_of_single_frames_is_what_their_400_frame_means_show(shared_data, channel):
    pairs = (ratio for _, ratio in averaged_pairs(shared_data, channel))
    ratios = np.array([next(pairs) for _ in range(8)])
    assert 0.85 < np.nanmedian(ratios) < 1.15
    assert ((np.nanmedian(ratios, axis=1) > 0.8) & (np.nanmedian(ratios, axis=1) < 1.25)).all()
