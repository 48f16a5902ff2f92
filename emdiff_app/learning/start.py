"""Round 0, before there is a network: a stationary Gaussian fitted by EM, and the network that will learn from it."""

import torch
from torch import Tensor

from emdiff_app.diffusion import GaussianPrior, LearnedPrior, Trainer
from emdiff_app.diffusion.gaussian_em import fit_gaussian

from .e_step import Draw
from .work import E_BATCH, Work, seeded

__all__ = ["first_draw", "new_trainer"]

ENOUGH = 256
"""So many crops decide about the Gaussian."""


def first_draw(work: Work) -> Draw:
    """What draws the samples of round 0."""
    gaussian = _gaussian(work)
    return lambda y, first, generator: gaussian.draw_posterior(work.imaging, y, generator)


def new_trainer(work: Work, mean: float, sigma_data: float) -> Trainer:
    """An untrained network, the same for the same seed."""
    torch.manual_seed(work.recipe.seed)
    channels = work.judged.shape[1]
    prior = LearnedPrior(work.recipe.size, channels, sigma_data, mean)
    prior = prior.to(work.device, memory_format=torch.channels_last)
    share = work.team.add_up if work.team.size > 1 else None
    return Trainer(
        prior, learning_rate=work.recipe.learning_rate, precision=work.recipe.precision, share=share
    )


def _gaussian(work: Work) -> GaussianPrior:
    """Fitted once; the members of a team, and a later process, read it."""
    path = work.samples.folder / "gaussian.safetensors"
    if (known := work.samples.read(path)) is None:
        found = _fitted(work)
        known = {"spectrum": found.spectrum.cpu(), "mean": found.mean.cpu()}
        if work.team.leads:
            work.samples.write(path, known)
    work.team.barrier()
    return GaussianPrior(*(known[name].to(work.device) for name in ("spectrum", "mean")))


def _fitted(work: Work) -> GaussianPrior:
    rounds = work.recipe.gaussian_rounds
    few: list[Tensor] = [
        work.recorded(i, i + E_BATCH) for i in range(0, min(len(work.crops), ENOUGH), E_BATCH)
    ]

    def tick(number: int) -> None:
        work.control.check()
        work.tick("start", number + 1, rounds, None)

    return fit_gaussian(work.imaging, few, seeded(work.recipe.seed, 0), rounds=rounds, on_round=tick)
