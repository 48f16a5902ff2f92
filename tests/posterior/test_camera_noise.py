"""End to end: a tiny prior learns a camera's noise maps, goes into a file, and restores a camera's images."""

import pytest
import torch

from emdiff_app import posterior
from emdiff_app.diffusion import Batch, LearnedPrior, Trainer
from emdiff_app.diffusion.anchors import Denoising
from emdiff_app.images import IntensityScale
from emdiff_app.physics import ImagingModel
from emdiff_app.physics.random import generator_of
from emdiff_app.priors import Card, read_prior, write_prior

MODEL = ImagingModel.model_validate(
    {"noise": {"kind": "poisson-gaussian", "offset": 0, "gain": 0.08, "read_noise": 0.02}}
)
SIDE, STEPS = 20, 250


def discs(count, seed):
    """Bright discs on a dark ground: the noise is four times as strong on them."""
    rng = generator_of(seed)
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    images = torch.full((count, 1, SIDE, SIDE), 0.05)
    for _ in range(3):
        row, column = (torch.rand(count, 1, 1, 1, generator=rng) * SIDE for _ in range(2))
        radius = 3 + 3 * torch.rand(count, 1, 1, 1, generator=rng)
        level = 0.5 + 0.5 * torch.rand(count, 1, 1, 1, generator=rng)
        inside = ((y - row) ** 2 + (x - column) ** 2).sqrt() - radius
        images = torch.maximum(images, level * torch.sigmoid(-2 * inside))
    return images


@pytest.fixture(scope="module")
def prior(tmp_path_factory):
    """Trained on discs with and without noise maps, and read back from its file."""
    torch.manual_seed(0)
    clean = discs(512, 1)
    prior = LearnedPrior("tiny", 1, float(clean.std()), float(clean.mean()))
    prior.takes_maps = True
    trainer = Trainer(prior, learning_rate=3e-3, precision="float32", memory=100)
    order, noise = generator_of(2), MODEL.noise.parameters()
    for step in range(STEPS):
        trainer.learning_rate = 3e-3 * min(1.0, 2 * (1 - step / STEPS))
        chosen = torch.randint(0, len(clean), (12,), generator=order)
        trainer.step(Batch(clean[chosen], noise=noise), Denoising(camera=0.5))
    path = tmp_path_factory.mktemp("prior") / "discs.emprior"
    card = Card(
        size="tiny",
        channels=1,
        sigma_data=prior.sigma_data,
        mean=prior.mean,
        scale=IntensityScale(offset=0, gain=1),
        model=MODEL,
    )
    write_prior(path, trainer.average, card)
    return read_prior(path)[0]


@pytest.mark.slow
def test_noise_maps_restore_camera_noise_at_least_as_well_as_the_way_around_them(prior):
    truth, imaging = discs(12, 3), MODEL.bind((SIDE, SIDE))
    y = imaging.simulate(truth, 4)
    report = posterior.Report()

    def means(report=None):
        x = posterior.get("auto").sample(
            prior, imaging, y.repeat(4, 1, 1, 1), steps=24, generator=generator_of(5), report=report
        )
        assert 0.85 < float(imaging.chi2(y.repeat(4, 1, 1, 1), x).mean()) < 1.2
        return x.reshape(4, *y.shape).mean(0)

    with_maps = means(report)
    assert report.method == "from-noise"
    prior.takes_maps = False
    without = means()
    prior.takes_maps = True
    error, around, recorded = ((x - truth).square().mean() for x in (with_maps, without, y))
    assert error < 0.2 * recorded
    assert error < 1.1 * around
