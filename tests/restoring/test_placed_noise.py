"""Random numbers that belong to a place: the same however an image is cut."""

import pytest
import torch

from emdiff_app.posterior.steps import OwnNoise
from emdiff_app.restoring.placed import PlacedNoise


def noise(origin, field, *, samples=(0,), seed=0, plane=(0,), domain=None, factors=(1, 1)):
    return PlacedNoise(seed, plane, samples, origin, field, domain or field, factors)


def white(source, *shape):
    return OwnNoise(source, shape[0]).white(torch.empty(shape))


def test_a_part_sees_what_the_whole_sees_there():
    whole = white(noise((0, 0), (200, 150)), 1, 1, 200, 150)
    part = white(noise((40, 70), (90, 60)), 1, 1, 90, 60)
    torch.testing.assert_close(part, whole[..., 40:130, 70:130])


def test_volumes_are_cut_in_depth_too():
    whole = white(noise((0, 0, 0), (6, 70, 70)), 1, 1, 6, 70, 70)
    part = white(noise((2, 4, 0), (3, 66, 70)), 1, 1, 3, 66, 70)
    torch.testing.assert_close(part, whole[:, :, 2:5, 4:])


def test_the_same_sample_in_another_batch():
    two = white(noise((0, 0), (64, 64), samples=(3, 4)), 2, 1, 64, 64)
    one = white(noise((0, 0), (64, 64), samples=(4,)), 1, 1, 64, 64)
    torch.testing.assert_close(two[1:], one)


def test_the_second_sample_of_a_pair_mirrors_the_first():
    two = white(noise((0, 0), (64, 64), samples=(4, 5)), 2, 1, 64, 64)
    torch.testing.assert_close(two[0], -two[1])


def test_a_finer_domain_has_its_own_grid():
    whole = white(noise((0, 0), (64, 64), domain=(134, 134), factors=(2, 2)), 1, 1, 134, 134)
    part = white(noise((16, 32), (32, 32), domain=(70, 70), factors=(2, 2)), 1, 1, 70, 70)
    torch.testing.assert_close(part, whole[..., 32:102, 64:134])


def test_a_torus_continues_the_plane_on_both_sides():
    """Its far margin stands for the pixels before the first."""
    wide = white(noise((64, 64), (64, 64)), 1, 1, 64 + 24, 64 + 24)
    left = white(noise((32, 32), (64, 64)), 1, 1, 64, 64)
    torch.testing.assert_close(wide[..., -12:, -12:], left[..., 20:32, 20:32])


@pytest.mark.parametrize("change", [{"seed": 1}, {"plane": (1,)}, {"samples": (2,)}])
def test_seed_plane_and_sample_all_count(change):
    usual = white(noise((0, 0), (64, 64)), 1, 1, 64, 64)
    other = white(noise((0, 0), (64, 64), **change), 1, 1, 64, 64)
    assert abs(float((usual * other).mean())) < 0.1


def test_every_draw_is_new_and_white():
    source = noise((0, 0), (256, 256))
    first, second = (white(source, 1, 2, 256, 256) for _ in range(2))
    for a in (first, second):
        assert abs(float(a.mean())) < 0.01
        assert abs(float(a.std()) - 1) < 0.01
        assert abs(float((a[..., 1:] * a[..., :-1]).mean())) < 0.01
    assert abs(float((first * second).mean())) < 0.01
