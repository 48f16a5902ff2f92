"""A prior trained on clean images, for measuring samplers apart from learning; kept between runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from numpy.typing import NDArray

from emdiff_app.baselines.learners import Training, fresh, pick_from, train
from emdiff_app.benchmarks._common.kept import bench_folder, digest, program
from emdiff_app.diffusion import Batch, LearnedPrior
from emdiff_app.diffusion.anchors import Denoising
from emdiff_app.errors import EMDiffError
from emdiff_app.images import IntensityScale
from emdiff_app.physics import GaussianNoise, ImagingModel, NoiseParameters
from emdiff_app.priors import Card, read_prior, write_prior

__all__ = ["clean_prior"]

BATCH = 32
CAMERA = 0.5
"""The share of the crops that get noise maps, where the prior shall know them."""


def clean_prior(
    name: str,
    images: NDArray[Any],
    *,
    size: str,
    steps: int,
    say: Callable[[str], None],
    noise: NoiseParameters | None = None,
) -> LearnedPrior:
    """The prior for exactly these images, size and steps: read where it was trained before.

    With `noise` it learns the noise maps of such a camera as well.
    """
    content = digest(images, [size, steps, str(noise)], program("diffusion", "baselines"))
    folder = bench_folder()
    path = folder / f"{name}-{content}.emprior"
    if path.exists():
        try:
            return read_prior(path)[0]
        except EMDiffError as error:
            say(f"Training anew: {error}")
    folder.mkdir(parents=True, exist_ok=True)
    prior = _trained(
        torch.from_numpy(images), noise, size, steps, lambda step: say(f"{name}: step {step} of {steps}")
    )
    card = Card(
        **_description(prior),
        scale=IntensityScale(offset=0, gain=1),
        model=ImagingModel(noise=GaussianNoise(sigma=0.01)),
        name=f"clean {name}, for benchmarks",
    )
    write_prior(path, prior, card)
    return prior


def _description(prior: LearnedPrior) -> dict[str, Any]:
    return {
        "size": prior.size,
        "channels": prior.channels,
        "sigma_data": prior.sigma_data,
        "mean": prior.mean,
    }


def _trained(
    images: torch.Tensor, noise: NoiseParameters | None, size: str, steps: int, told: Callable[[int], None]
) -> LearnedPrior:
    def tell(done: float) -> None:
        step = round(done * steps)
        if step % 500 == 0:
            told(step)

    how = Training(size=size, steps=steps, batch=BATCH, on_step=tell)
    prior = fresh(images, how)
    prior.takes_maps = noise is not None
    term = Denoising(camera=0.0 if noise is None else CAMERA)
    return train(prior, term, pick_from(Batch(images, noise=noise), how), how)
