"""Samples in pairs: the law of each is as before, and the mean of a pair is far nearer to the posterior mean."""

import pytest
import torch
from closed_form import MODELS, exact, gaussian_prior, problem

from emdiff_app import posterior
from emdiff_app.physics.random import generator_of
from emdiff_app.posterior.pairs import degrees, in_pairs, variance_of
from emdiff_app.posterior.steps import OwnNoise


def drawn(name, count, seed=0):
    sample = posterior.get("auto").sample
    p = problem(name)
    each = in_pairs(generator_of(seed), count)
    return torch.cat([sample(gaussian_prior(), p.imaging, p.y, generator=own) for own in each])


@pytest.mark.parametrize("name", MODELS)
def test_the_mean_of_one_pair_is_better_than_that_of_fifty_samples(name):
    p = problem(name)
    mean, variance = exact(p.imaging, p.y)
    off = [(drawn(name, 2, seed).mean(0) - mean).square().mean() for seed in range(4)]
    assert float(sum(off) / len(off)) < float(variance.mean()) / 50


@pytest.mark.parametrize("name", ["noise", "blur"])
def test_the_second_of_each_pair_spreads_as_the_posterior_does(name):
    p = problem(name)
    mean, variance = exact(p.imaging, p.y)
    second = drawn(name, 80)[1::2]
    ratio = float((second - mean).square().mean() / variance.mean())
    assert 0.85 < ratio < 1.15


@pytest.mark.parametrize("count", [2, 3, 8, 9])
def test_the_variance_is_unbiased_for_mirrored_deviations(count):
    noise = torch.randn((count + 1) // 2, 200_000, generator=generator_of(0))
    samples = 3 + torch.stack([noise, -noise], 1).flatten(0, 1)[:count]
    assert float(variance_of(samples).mean()) == pytest.approx(1, abs=0.02)


def test_one_sample_has_no_variance():
    assert float(variance_of(torch.ones(1, 4)).sum()) == 0
    assert degrees(8) == 4


def test_pairs_mirror_each_other_and_differ_from_the_next():
    a, b, c = (OwnNoise(own, 2).white(torch.empty(2, 1, 9, 9)) for own in in_pairs(generator_of(3), 3))
    torch.testing.assert_close(a, -b)
    assert not torch.allclose(a, c)
