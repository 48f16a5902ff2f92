"""The published learners, each on images whose right answer is known: small networks, seconds of training."""

import math

import numpy as np
import pytest
import torch

from emdiff_app.baselines.learners import LEARNERS, Training, fresh, train
from emdiff_app.baselines.learners.noise2self import JInvariant
from emdiff_app.baselines.learners.training import pick_from
from emdiff_app.diffusion import Architecture, Batch, GaussianPrior
from emdiff_app.diffusion.anchors import Denoising, HiddenPixels, Sure
from emdiff_app.learning import Recipe
from emdiff_app.physics import ImagingModel, NoiseParameters
from emdiff_app.physics.random import generator_of
from emdiff_app.posterior.steps import levels, multistep

SIDE, MEAN = 16, 2.0
HOW = Training(
    steps=300, batch=16, learning_rate=5e-3, architecture=Architecture((12, 12), (1, 1), (1,)), seed=3
)


def gaussian(knee, power=2):
    """Smooth images of mean 2 and variance 1; the smaller the knee, the smoother."""
    f = torch.fft.fftfreq(SIDE)
    spectrum = 1 / (f[:, None] ** 2 + f**2 + knee**2) ** power
    return GaussianPrior((spectrum / spectrum.mean())[None], torch.tensor([MEAN]))


def noisy(x, sigma, seed):
    return x + sigma * torch.randn(x.shape, generator=generator_of(seed))


def error(made, truth):
    return float((made - truth).square().mean())


class Pairs:
    """Supervised by a second noisy view: of all pixels, or, blind like Noise2Self, of those that are hidden."""

    def __init__(self, blind):
        self.blind = blind

    def loss(self, prior, batch, generator):
        if not self.blind:
            return (prior.denoise(batch.recorded, prior.sigma_data) - batch.others).square().mean()
        hidden = HiddenPixels(4).grid(batch.recorded, int(torch.randint(16, (), generator=generator)))
        made = JInvariant().predicted(prior, batch, hidden)
        return torch.where(hidden, (made - batch.others).square(), 0.0).sum() / hidden.sum() / len(made)


def test_noise2self_is_nearly_as_good_as_training_on_pairs():
    """The same network, shown two noisy views of each image: what it could learn at best without clean ones."""
    x, sigma = gaussian(0.06, 4).draw(512, generator_of(1)), 1.0
    first, second = noisy(x, sigma, 2), noisy(x, sigma, 3)
    pairs = Batch(recorded=first, others=second)
    blind, sighted = (
        train(fresh(first, HOW), Pairs(kind), pick_from(pairs, HOW), HOW) for kind in (True, False)
    )
    learner = LEARNERS["noise2self"]
    prior = learner.learn(Batch(recorded=first), HOW)

    truth = gaussian(0.06, 4).draw(128, generator_of(4))
    y = noisy(truth, sigma, 5)
    ours, supervised = (error(JInvariant().estimate(p, Batch(recorded=y)), truth) for p in (prior, blind))
    with torch.no_grad():
        best = error(sighted.denoise(y, sighted.sigma_data), truth)
    assert best < 0.1 * sigma**2  # they have learned something
    assert abs(10 * math.log10(ours / supervised)) < 0.5
    # A pixel knows of itself what its neighbours cannot: of 16 pixels that are averaged, it is one.
    assert 10 * math.log10(ours / best) < 1.0


def test_noise2self_never_looks_at_the_pixel_that_it_predicts():
    y = torch.randn((1, 1, SIDE, SIDE), generator=generator_of(1))
    prior = fresh(y, HOW).requires_grad_(False)
    torch.nn.init.normal_(list(prior.network.parameters())[-2], std=0.3)
    before = JInvariant().estimate(prior, Batch(recorded=y))
    other = y.clone()
    other[..., 5, 7] += 100
    after = JInvariant().estimate(prior, Batch(recorded=other))
    assert float(after[..., 5, 7]) == pytest.approx(float(before[..., 5, 7]), abs=1e-4)
    assert float((after - before).abs().max()) > 1  # its neighbours do


def test_noise2self_predicts_missing_pixels_as_well():
    x = gaussian(0.06).draw(256, generator_of(1))
    seen = torch.rand(x.shape, generator=generator_of(2)) < 0.6
    y = torch.where(seen, noisy(x, 0.5, 3), torch.nan)
    learner = LEARNERS["noise2self"]
    made = learner.estimate(learner.learn(Batch(recorded=y), HOW), Batch(recorded=y))
    assert error(made[~seen], x[~seen]) < 0.25


def test_stein_s_estimate_of_what_sure_score_has_learned_is_its_true_error():
    x, sigma = gaussian(0.1).draw(512, generator_of(1)), 0.7
    noise = NoiseParameters(read_noise=sigma)
    prior = LEARNERS["sure-score"].learn(Batch(recorded=noisy(x, sigma, 2), noise=noise), HOW)
    truth = gaussian(0.1).draw(2000, generator_of(3))
    unseen = Batch(recorded=noisy(truth, sigma, 4), noise=noise)
    with torch.no_grad():
        estimated = float(Sure().error(prior, unseen, generator_of(5)).mean())
        true = error(prior.denoise(unseen.recorded, sigma), truth)
        lower = error(prior.denoise(noisy(truth, 0.3, 6), 0.3), truth)
    assert estimated == pytest.approx(true, rel=0.05)
    best = error(gaussian(0.1).denoise(unseen.recorded, sigma), truth)
    assert true < 1.2 * best
    assert lower < 0.8 * 0.3**2  # a level below that of the recording, from its own answers


def masked(x, share, seed):
    seen = torch.rand(x.shape, generator=generator_of(seed)) >= share
    return Batch(recorded=torch.where(seen, x, torch.nan), noise=NoiseParameters())


def drawn(prior, count):
    """Samples of a prior alone."""
    visits = levels(20 * prior.sigma_data, 0.02 * prior.sigma_data, 24)
    noise = torch.randn((count, 1, SIDE, SIDE), generator=generator_of(9))
    with torch.no_grad():
        return multistep(lambda x, s, _: prior.denoise(x, s), MEAN + visits[0] * noise, visits)


def covariance(x):
    """Of a pixel with itself, its neighbour, and one four pixels away."""
    centred = x - x.mean()
    return torch.stack([(centred * centred.roll(shift, -1)).mean() for shift in (0, 1, 4)])


def test_ambient_diffusion_recovers_a_gaussian_of_which_half_is_never_seen():
    truth = gaussian(0.1)
    how = Training(**{**vars(HOW), "steps": 1000})
    prior = LEARNERS["ambient"].learn(masked(truth.draw(1024, generator_of(1)), 0.5, 2), how)
    x = truth.draw(256, generator_of(3))
    for sigma in (0.3, 1.0, 3.0):
        y = noisy(x, sigma, 4)
        with torch.no_grad():
            gap = error(prior.denoise(y, sigma), truth.denoise(y, sigma))
        assert gap < 0.2 * error(truth.denoise(y, sigma), x)
    made = drawn(prior, 256)
    known = covariance(truth.draw(4000, generator_of(5)))
    assert float(made.mean()) == pytest.approx(MEAN, abs=0.15)
    assert (covariance(made) - known).abs().max() < 0.15 * known[0]


def test_the_ceiling_learns_the_same_gaussian_from_clean_images():
    truth = gaussian(0.1)
    prior = LEARNERS["clean"].learn(Batch(clean=truth.draw(512, generator_of(1))), HOW)
    y = noisy(x := truth.draw(256, generator_of(3)), 1.0, 4)
    with torch.no_grad():
        assert error(prior.denoise(y, 1.0), x) < 1.1 * error(truth.denoise(y, 1.0), x)


def test_training_ends_in_time_tells_how_far_it_is_and_can_be_cancelled():
    told = []
    x = gaussian(0.1).draw(16, generator_of(1))
    short = Training(**{**vars(HOW), "steps": 10**6, "minutes": 0.01, "on_step": told.append})
    train(fresh(x, short), Denoising(), pick_from(Batch(clean=x), short), short)
    assert told == sorted(told)
    assert told[-1] >= 1

    def cancel(share):
        raise KeyboardInterrupt

    stopped = Training(**{**vars(HOW), "on_step": cancel})
    with pytest.raises(KeyboardInterrupt):
        train(fresh(x, stopped), Denoising(), pick_from(Batch(clean=x), stopped), stopped)


def test_every_learner_says_what_it_is_and_can_be_run():
    model = ImagingModel.model_validate({"noise": {"kind": "gaussian", "sigma": 0.1}})
    for name, learner in LEARNERS.items():
        assert (learner.name, bool(learner.equation), bool(learner.cost)) == (name, True, True)
        assert (learner.learn is None) != (learner.recipe is None)
        if learner.recipe is not None:
            Recipe(stacks=("a.tif",), model=model, **learner.recipe)


@pytest.fixture
def as_taught():
    """AmbientDiffusion's prior, for noise of 0.5 and half of the pixels, as samplers ask it; and images."""
    x = gaussian(0.1).draw(4, generator_of(1))
    prior = fresh(x, HOW)
    torch.nn.init.normal_(list(prior.network.parameters())[-2], std=0.3)
    return LEARNERS["ambient"].as_taught(prior, 0.5, 0.5), x


@torch.no_grad()
def test_ambient_diffusion_answers_below_the_noise_as_at_it(as_taught):
    prior, x = as_taught
    assert torch.equal(prior.denoise(x, 0.01), prior.denoise(x, 0.5))
    assert not torch.equal(prior.denoise(x, 0.8), prior.denoise(x, 0.5))


@torch.no_grad()
def test_ambient_diffusion_is_asked_under_one_mask_like_those_it_was_taught_under(as_taught):
    prior, x = as_taught
    answers = prior.denoise(x, 1.0)
    matters = torch.zeros(x.shape[2:], dtype=torch.bool)
    for row, column in np.ndindex(*x.shape[2:]):
        other = x.clone()
        other[..., row, column] += 1.0
        matters[row, column] = not torch.equal(prior.denoise(other, 1.0), answers)
    share = 0.9 * 0.5
    assert float(matters.float().mean()) == pytest.approx(
        share, abs=4 * (share * (1 - share) / matters.numel()) ** 0.5
    )
