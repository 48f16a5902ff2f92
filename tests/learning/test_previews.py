"""Previews as pictures, of runs that anybody may have made."""

import numpy as np
import pytest

from emdiff_app.learning.judging.pictures import preview_picture, read_preview

GOOD = {
    name: np.random.default_rng(0).random((6, 8, 8), dtype=np.float32) for name in ("recorded", "restored")
}
GOOD["spread"] = GOOD["restored"] / 10


def written(tmp_path, **arrays):
    np.savez(tmp_path / "preview.npz", **{**GOOD, **arrays})
    return read_preview(tmp_path / "preview.npz")


def test_three_rows_of_the_first_four_crops_in_one_grey_picture(tmp_path):
    picture = preview_picture(written(tmp_path))
    assert picture.dtype == np.uint8
    assert picture.shape[0] * 4 == pytest.approx(picture.shape[1] * 3, abs=4)
    assert picture.min() == 0
    assert picture.max() == 255


def test_recorded_and_restored_can_be_compared(tmp_path):
    """An estimate of half the brightness looks half as bright."""
    arrays = written(tmp_path, restored=GOOD["recorded"] / 2)
    picture = preview_picture(arrays)
    tile = picture.shape[0] // 3
    assert picture[tile : 2 * tile].mean() < 0.7 * picture[:tile].mean()


def test_fewer_recorded_pixels_than_restored_ones_make_a_picture_too(tmp_path):
    picture = preview_picture(written(tmp_path, recorded=GOOD["recorded"][:, ::2, ::2]))
    assert picture.shape == preview_picture(written(tmp_path)).shape


@pytest.mark.parametrize("wrong", [np.ones(3), np.ones((0, 8, 8)), np.array([object()], dtype=object)])
def test_what_is_no_preview_is_passed_over(tmp_path, wrong):
    assert written(tmp_path, spread=wrong) is None


def test_missing_values_are_black_and_not_a_fault(tmp_path):
    arrays = written(tmp_path, recorded=np.where(GOOD["recorded"] > 0.5, np.nan, GOOD["recorded"]))
    assert preview_picture(arrays).max() == 255
