"""Where the crops lie: what is judged by is never learned from, and small images are learned from all the same."""

import numpy as np
import pytest

from emdiff_app.errors import RunError
from emdiff_app.images import stack_from_array
from emdiff_app.learning.crops.places import draw_places


def plane(side):
    return stack_from_array(np.random.default_rng(0).random((side, side)).astype(np.float32), "YX")


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("side", [160, 192, 256, 320, 512])
def test_one_small_image_is_enough_and_most_of_it_is_learned_from(side, seed):
    judges, places = draw_places([plane(side)], 64, 8, 256, seed, tries=3)
    assert 1 <= len(judges) <= 8
    assert len(places) >= 64
    assert not any(place.overlaps(judge, 64) for place in places for judge in judges)
    learned = np.zeros((side, side), bool)
    for place in places:
        learned[place.row : place.row + 64, place.column : place.column + 64] = True
    assert learned.mean() > (0.6 if side < 256 else 0.7)


def test_large_images_keep_aside_as_many_crops_as_are_asked_for_anywhere():
    judges, places = draw_places([plane(1024)], 64, 8, 256, 0)
    assert len(judges) == 8
    assert len(places) == 256
    assert len({judge.row for judge in judges}) > 4


def test_an_image_hardly_larger_than_a_crop_is_refused():
    with pytest.raises(RunError, match="too small to keep 1 crop"):
        draw_places([plane(68)], 64, 8, 256, 0)
