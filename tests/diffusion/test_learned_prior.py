"""The learned prior: what a network must do whatever it has learned."""

import pytest
import torch

from emdiff_app.diffusion import SIZES, Architecture, LearnedPrior, parameter_count
from emdiff_app.physics.random import generator_of

SMALLEST = Architecture((8, 8, 8), (1, 0, 1), (1, 1))


def random_prior(channels=1, *, architecture=SMALLEST, **arguments):
    """A prior whose zero-started layers are shaken, so that every path matters."""
    prior = LearnedPrior("tiny", channels, 0.3, 0.2, architecture=architecture, **arguments)
    torch.manual_seed(0)
    with torch.no_grad():
        for weights in prior.parameters():
            weights.add_(0.1 * torch.randn_like(weights))
    return prior.eval().requires_grad_(False)


def noisy(*shape, seed=1):
    return torch.randn(*shape, generator=generator_of(seed))


def test_sizes_grow():
    counts = [parameter_count(LearnedPrior(size, 1, 1.0)) for size in SIZES]
    assert counts == sorted(counts)
    assert counts[0] == pytest.approx(0.2e6, rel=0.2)
    assert counts[1] == pytest.approx(0.6e6, rel=0.2)


@pytest.mark.parametrize("shape", [(32, 32), (33, 47), (5, 64), (1, 1)])
def test_any_size_of_image_comes_back_in_that_size(shape):
    prior, x = random_prior(), noisy(2, 1, *shape)
    assert prior.denoise(x, 0.5).shape == x.shape
    assert prior.denoise(x, torch.full_like(x, 0.5)).shape == x.shape


@pytest.mark.parametrize(
    "architecture",
    [SMALLEST, Architecture((8, 8, 8), (0, 1, 2), (2, 0)), Architecture((8,), (2,), ()), SIZES["tiny"]],
)
def test_the_reach_is_exact(architecture):
    """A change of one pixel is seen at the distance of the reach, and nowhere beyond."""
    prior = random_prior(architecture=architecture).double()
    side = 2 * (prior.reach + 2 * prior.stride)
    side += -side % prior.stride
    x = noisy(1, 1, 4, side).double()
    before = prior.denoise(x, 0.5)
    farthest = 0
    for place in range(side // 2, side // 2 + prior.stride):
        moved = x.clone()
        moved[..., place] += 1
        changed = (prior.denoise(moved, 0.5) != before).any(2).flatten().nonzero().flatten()
        farthest = max(farthest, int((changed - place).abs().max()))
    assert farthest == prior.reach


def test_a_tile_with_its_halo_gives_what_the_whole_image_gives():
    prior = random_prior()
    halo = -(-prior.reach // prior.stride) * prior.stride
    x = noisy(1, 1, 2 * halo + 48, 2 * halo + 48)
    tile = x[..., 8 : 24 + 2 * halo, 16 : 32 + 2 * halo]
    inside = prior.denoise(tile, 0.5)[..., halo : 16 + halo, halo : 16 + halo]
    whole = prior.denoise(x, 0.5)[..., 8 + halo : 24 + halo, 16 + halo : 32 + halo]
    torch.testing.assert_close(inside, whole)


def test_an_image_does_not_depend_on_its_batch():
    prior, x = random_prior(), noisy(3, 1, 24, 24)
    levels = torch.tensor([0.1, 0.5, 2.0])
    together = prior.denoise(x, levels)
    for i in range(3):
        torch.testing.assert_close(together[i : i + 1], prior.denoise(x[i : i + 1], float(levels[i])))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_constant_map_is_the_same_as_a_number(channels):
    prior, x = random_prior(channels), noisy(2, channels, 36, 32)
    torch.testing.assert_close(prior.denoise(x, 0.4), prior.denoise(x, torch.full_like(x, 0.4)))


def test_a_noise_map_matters_where_it_differs_and_out_to_the_reach():
    prior, x = random_prior(), noisy(1, 1, 16, 128)
    level = torch.full_like(x, 0.4)
    level[..., 64:] = 1.0
    mixed, low = prior.denoise(x, level), prior.denoise(x, 0.4)
    away = 64 - prior.reach
    torch.testing.assert_close(mixed[..., :away], low[..., :away])
    assert (mixed[..., 64:] - low[..., 64:]).abs().mean() > 0.01


def test_an_untrained_prior_is_the_best_linear_guess():
    prior = LearnedPrior("tiny", 1, 0.3, 0.2)
    x = noisy(1, 1, 16, 16)
    torch.testing.assert_close(prior.denoise(x, 0.3), 0.2 + 0.5 * (x - 0.2))


def test_a_slice_is_denoised_with_its_neighbours():
    prior = random_prior(2, neighbours=1)
    volume, levels = noisy(2, 2, 5, 16, 20), torch.tensor([0.1, 0.5])
    whole = prior.denoise(volume, levels)
    assert whole.shape == volume.shape
    window = volume[:, :, 1:4].transpose(1, 2).flatten(1, 2)
    torch.testing.assert_close(whole[:, :, 2], prior.denoise(window, levels))
    moved = volume.clone()
    moved[:, :, 3] += 1
    changed = (prior.denoise(moved, levels) - whole).abs().amax((0, 1, 3, 4)) > 1e-4
    assert changed.tolist() == [False, False, True, True, True]
    torch.testing.assert_close(
        prior.denoise(volume, torch.full_like(volume, 0.4)), prior.denoise(volume, 0.4)
    )


def test_a_window_of_the_wrong_size_is_refused():
    with pytest.raises(ValueError, match="3 x 1"):
        random_prior(neighbours=1).denoise(noisy(1, 1, 16, 16), 0.5)


def test_the_same_arguments_build_the_same_network():
    prior = random_prior(2, neighbours=1, variance=True)
    again = LearnedPrior.build("tiny", 0.3, 0.2, **prior.arguments)
    again.load_state_dict(prior.state_dict())
    x = noisy(1, 6, 16, 16)
    for one, other in zip(
        prior.denoise_with_variance(x, 0.5), again.denoise_with_variance(x, 0.5), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_half_precision_is_near_and_can_be_suspended():
    prior, x = random_prior(), noisy(1, 1, 32, 32)
    exact = prior.denoise(x, 0.5)
    prior.bfloat16 = True
    half = prior.denoise(x, 0.5)
    assert half.dtype == x.dtype
    assert 0 < (half - exact).abs().max() < 0.05
    with prior.in_float32():
        torch.testing.assert_close(prior.denoise(x, 0.5), exact)
