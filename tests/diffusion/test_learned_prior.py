"""The learned prior: what a network must do whatever it has learned."""

import pytest
import torch

from emdiff_app.diffusion import SIZES, LearnedPrior, Trainer, parameter_count
from emdiff_app.physics.random import generator_of


def random_prior(size="tiny", channels=1, seed=0):
    """A prior whose zero-started layers are shaken, so that every path matters."""
    prior = LearnedPrior(size, channels, 0.3, 0.2)
    torch.manual_seed(seed)
    with torch.no_grad():
        for weights in prior.parameters():
            weights.add_(0.05 * torch.randn_like(weights))
    return prior.eval().requires_grad_(False)


def noisy(*shape, seed=1):
    return torch.randn(*shape, generator=generator_of(seed))


def test_sizes_grow():
    counts = [parameter_count(LearnedPrior(size, 1, 1.0)) for size in SIZES]
    assert counts == sorted(counts)
    assert 100_000 < counts[0] < 300_000


@pytest.mark.parametrize("shape", [(32, 32), (33, 47), (5, 64)])
def test_any_size_of_image_comes_back_in_that_size(shape):
    assert random_prior().denoise(noisy(2, 1, *shape), 0.5).shape == (2, 1, *shape)


def test_a_constant_map_is_the_same_as_a_number():
    prior, x = random_prior(), noisy(2, 1, 36, 32)
    torch.testing.assert_close(prior.denoise(x, 0.4), prior.denoise(x, torch.full_like(x, 0.4)))


def test_a_noise_map_matters_where_it_differs():
    prior, x = random_prior(), noisy(1, 1, 128, 128)
    level = torch.full_like(x, 0.4)
    level[..., 64:] = 1.0
    mixed, low = prior.denoise(x, level), prior.denoise(x, 0.4)
    away = 64 - prior.network.reach
    torch.testing.assert_close(mixed[..., :away], low[..., :away])
    assert (mixed[..., 80:] - low[..., 80:]).abs().mean() > 0.01


def test_a_tile_with_its_halo_gives_what_the_whole_image_gives():
    prior, x = random_prior(), noisy(1, 1, 160, 160)
    halo = -(-prior.network.reach // prior.network.stride) * prior.network.stride
    tile = x[..., 32 : 96 + 2 * halo, 32 : 96 + 2 * halo]
    inside = prior.denoise(tile, 0.5)[..., halo : 64 + halo, halo : 64 + halo]
    whole = prior.denoise(x, 0.5)[..., 32 + halo : 96 + halo, 32 + halo : 96 + halo]
    torch.testing.assert_close(inside, whole)


def test_an_untrained_prior_is_the_best_linear_guess():
    prior = LearnedPrior("tiny", 1, 0.3, 0.2)
    x = noisy(1, 1, 16, 16)
    torch.testing.assert_close(prior.denoise(x, 0.3), 0.2 + 0.5 * (x - 0.2))


def test_training_learns_to_denoise():
    """A world of two flat images: a trained prior tells them apart, which no linear filter can so well."""
    generator = generator_of(3)
    clean = (
        torch.randint(0, 2, (256, 1, 1, 1), generator=generator).float().expand(-1, 1, 16, 16).contiguous()
    )
    trainer = Trainer(LearnedPrior("tiny", 1, 0.5, 0.5), learning_rate=2e-3)
    for step in range(120):
        trainer.step(clean[(step * 16) % 256 :][:16])
    recorded = clean + 1.5 * torch.randn(clean.shape, generator=generator)
    error = (trainer.average.denoise(recorded, 1.5) - clean).square().mean()
    assert error < 0.05  # the variance of the pixels is 0.25


def test_a_loss_that_is_not_finite_changes_no_weight():
    trainer = Trainer(LearnedPrior("tiny", 1, 0.5), learning_rate=1e-3)
    before = [w.clone() for w in trainer.prior.parameters()]
    assert not torch.isfinite(torch.tensor(trainer.step(torch.full((2, 1, 16, 16), torch.nan))))
    for old, new in zip(before, trainer.prior.parameters(), strict=True):
        torch.testing.assert_close(old, new)
