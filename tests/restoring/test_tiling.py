"""A prior evaluated tile by tile is the prior itself."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from restoring_tools import NOISE, gaussian_prior, small_prior

from emdiff_app import posterior
from emdiff_app.restoring import Cancelled
from emdiff_app.restoring.placed import PlacedNoise
from emdiff_app.restoring.tiling import Tiled, cuts

TILES = (32, 36, 44, 52, 60)


def images(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("level", ["a number", "one each", "a map"])
def test_tiles_give_what_the_whole_image_gives(tile, level):
    prior, x = small_prior(), images(2, 1, 81, 94)
    sigma = {"a number": 0.3, "one each": torch.tensor([0.2, 1.0]), "a map": images(2, 1, 81, 94).abs() + 0.1}
    torch.testing.assert_close(
        Tiled(prior, tile=tile).denoise(x, sigma[level]), prior.denoise(x, sigma[level]), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("pixels", [64**2, 3 * 64**2, 10 * 64**2])
def test_slices_of_a_volume_see_their_neighbours_across_tiles(pixels):
    prior, x = small_prior(neighbours=1, variance=True), images(1, 1, 7, 70, 66)
    for ours, whole in zip(
        Tiled(prior, pixels=pixels).denoise_with_variance(x, 0.5),
        prior.denoise_with_variance(x, 0.5),
        strict=True,
    ):
        torch.testing.assert_close(ours, whole, atol=1e-5, rtol=1e-5)


@given(st.integers(1, 500), st.integers(1, 200), st.sampled_from([1, 4, 8]), st.integers(0, 9))
def test_cuts_cover_the_length_once_and_move(length, side, stride, seed):
    parts = cuts(length, side, stride, np.random.default_rng(seed))
    assert [i for part in parts for i in range(part.start, part.stop)] == list(range(length))
    longest = max(side // stride, 1) * stride
    assert all(part.stop - part.start <= longest for part in parts)
    assert all(part.start % stride == 0 for part in parts)
    assert len(parts) <= -(-length // longest)


def test_all_tiles_are_of_nearly_one_size_so_that_memory_is_used_again():
    """Sizes that differ leave holes in the memory, and a long stack takes more and more of it."""
    prior, seen = small_prior(), set()
    inner = prior.denoise

    def denoise(x, s):
        seen.add(tuple(x.shape[-2:]))
        return inner(x, s)

    prior.denoise = denoise
    Tiled(prior, tile=32).denoise(images(1, 1, 150, 131), 0.5)
    assert {n // prior.stride for n, _ in seen} == {max(n for n, _ in seen) // prior.stride}
    assert {n // prior.stride for _, n in seen} == {max(n for _, n in seen) // prior.stride}


def test_the_cuts_are_elsewhere_each_time():
    shifts = np.random.default_rng(0)
    assert len({cuts(500, 120, 4, shifts)[0].stop for _ in range(20)}) > 3


class Forgetful(torch.nn.Module):
    """A network that runs out of memory on more than so many pixels."""

    def __init__(self, network, most):
        super().__init__()
        self.network, self.most, self.seen = network, most, []
        self.reach, self.stride = network.reach, network.stride

    def forward(self, x, level):
        self.seen.append(x.shape[-1] * x.shape[-2])
        if self.seen[-1] > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return self.network(x, level)


def test_where_memory_runs_out_tiles_are_halved_and_it_is_said():
    prior, x, told = small_prior(), images(1, 1, 150, 160), []
    expected = prior.denoise(x, 0.3)
    prior.network = Forgetful(prior.network, 100**2)
    tiled = Tiled(prior, tile=140, on_halved=told.append)
    torch.testing.assert_close(tiled.denoise(x, 0.3), expected, atol=1e-5, rtol=0)
    assert told == sorted(told, reverse=True) != []
    halvings = len(told)
    tiled.denoise(x, 0.3)
    assert len(told) == halvings  # remembered


def test_where_no_tile_is_small_enough_the_error_comes_out():
    prior = small_prior()
    prior.network = Forgetful(prior.network, 10)
    with pytest.raises(torch.OutOfMemoryError):
        Tiled(prior, tile=64).denoise(images(1, 1, 128, 128), 0.3)


def test_a_tile_can_be_the_last_one():
    def stop(done, of):
        if done == 2:
            raise Cancelled

    prior = small_prior()
    with pytest.raises(Cancelled):
        Tiled(prior, tile=32, on_tile=stop).denoise(images(1, 1, 128, 128), 0.3)


@pytest.mark.parametrize("prior", [small_prior(), gaussian_prior()], ids=["network", "closed form"])
def test_a_tiled_prior_is_as_unsure_as_the_prior(prior):
    x = images(1, 1, 64, 64)
    ours, own = (posterior.uncertainty_of(p).at(x, 0.3).apply(x) for p in (Tiled(prior, tile=32), prior))
    torch.testing.assert_close(ours, own)


@pytest.mark.parametrize("method", ["from-noise", "mmps", "gibbs", "diffpir"])
def test_samplers_do_not_notice_the_tiles(method):
    prior, y = small_prior(), images(1, 1, 72, 72)
    imaging = NOISE.bind((72, 72))

    def draw(tiled):
        noise = PlacedNoise(0, (0,), [0], (0, 0), (72, 72), (72, 72), (1, 1))
        return posterior.get(method).sample(tiled, imaging, y, steps=3, generator=noise)

    torch.testing.assert_close(draw(Tiled(prior, tile=32)), draw(prior), atol=1e-3, rtol=0)
