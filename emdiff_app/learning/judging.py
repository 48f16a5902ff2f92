"""How good a prior is, on crops that it never learned from, and pictures of them.

The recorded crop is split into two halves with independent noise; one is restored, and the other says
how likely it was. No clean image is needed, and fitting the noise makes it worse.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from emdiff_app import posterior
from emdiff_app.diffusion import LearnedPrior
from emdiff_app.images.atomic import replacing
from emdiff_app.physics import Imaging
from emdiff_app.physics.noise.thinning import thin

__all__ = ["Judgement", "judge", "write_preview"]

BINS = np.linspace(-5, 5, 41)


@dataclass(frozen=True)
class Judgement:
    """A score (higher is better), the size of the residuals, and the pictures behind them."""

    held_out: float
    chi2: float
    residuals: tuple[float, ...]
    recorded: Tensor
    restored: Tensor
    spread: Tensor


def judge(
    prior: LearnedPrior,
    imaging: Imaging,
    y: Tensor,
    generator: torch.Generator,
    *,
    steps: int,
    samples: int = 3,
) -> Judgement:
    """Restore the held-out crops `y` and one half of each."""
    sample = posterior.get("auto").sample

    def draws(model: Imaging, data: Tensor, count: int) -> Tensor:
        return torch.stack(
            [sample(prior, model, data, steps=steps, generator=generator) for _ in range(count)]
        )

    x = draws(imaging, y, samples)
    residual = torch.stack([imaging.residual(y, one) for one in x])
    score = _predicted(imaging, y, generator, lambda model, half: draws(model, half, samples).mean(0))
    counts, _ = np.histogram(residual.cpu().numpy(), BINS, density=True)
    return Judgement(
        float(score),
        float(torch.stack([imaging.chi2(y, one) for one in x]).mean()),
        tuple(float(c) for c in counts),
        y,
        imaging.crop(x.mean(0)),
        imaging.crop(x.std(0)),
    )


def _predicted(
    imaging: Imaging, y: Tensor, generator: torch.Generator, restore: Callable[[Imaging, Tensor], Tensor]
) -> float:
    """How likely one half of the data is, given what was restored from the other; per pixel."""
    halves = thin(y, imaging.noise, generator)
    x = restore(replace(imaging, noise=halves.first_noise), halves.first)
    other = replace(imaging, noise=halves.second_noise)
    return float(other.log_likelihood(halves.second, x).mean()) / y[0].numel()


def write_preview(path: Path, judgement: Judgement, count: int = 4) -> None:
    """The first channel of the first held-out crops: recorded, restored, spread, as arrays."""
    arrays = {
        name: getattr(judgement, name)[:count, 0].cpu().numpy().astype(np.float32)
        for name in ("recorded", "restored", "spread")
    }
    with replacing(path, overwrite=True) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)
