"""The training that all learners share: our network and trainer, so many steps, the rate falling at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from emdiff_app.diffusion import Architecture, Batch, LearnedPrior, Trainer
from emdiff_app.diffusion.anchors import Term

__all__ = ["Training", "fresh", "pick_from", "train"]

Pick = Callable[[torch.Generator], Batch]
"""The batch of a step."""


@dataclass(frozen=True)
class Training:
    """How long, and with which network; it ends after `steps` or after `minutes`, whichever comes first.

    `on_step` is told after every step what share is done, and may raise to cancel.
    """

    size: str = "tiny"
    steps: int = 1500
    batch: int = 32
    learning_rate: float = 2e-3
    minutes: float | None = None
    seed: int = 0
    device: str = "cpu"
    architecture: Architecture | None = None
    on_step: Callable[[float], None] | None = None


def fresh(images: Tensor, how: Training, *, noise: float | Tensor = 0.0) -> LearnedPrior:
    """An untrained prior for images like these; `noise` is the variance that is not the images' own."""
    pixels = images[torch.isfinite(images)]
    spread = float(pixels.var())
    deviation = max(spread - float(torch.as_tensor(noise).mean()), 0.01 * spread, 1e-12) ** 0.5
    torch.manual_seed(how.seed)
    return LearnedPrior(
        how.size, images.shape[1], deviation, float(pixels.mean()), architecture=how.architecture
    )


def train(prior: LearnedPrior, term: Term, pick: Pick, how: Training) -> LearnedPrior:
    """The average of the weights after so many steps."""
    with torch.enable_grad():
        trainer = Trainer(prior.to(how.device), learning_rate=how.learning_rate)
        order = torch.Generator().manual_seed(how.seed + 1)
        began, limit = time.monotonic(), 60 * (how.minutes or float("inf"))
        for step in range(how.steps):
            done = max(step / how.steps, (time.monotonic() - began) / limit)
            if done >= 1:
                break
            trainer.learning_rate = how.learning_rate * min(1.0, 4 * (1 - done))
            trainer.step(pick(order), term)
            if how.on_step is not None:
                how.on_step(max((step + 1) / how.steps, (time.monotonic() - began) / limit))
    return trainer.average


def pick_from(images: Batch, how: Training) -> Pick:
    """So many of the images at random."""
    return lambda order: images.chosen(torch.randint(0, len(images), (how.batch,), generator=order)).moved(
        how.device
    )
