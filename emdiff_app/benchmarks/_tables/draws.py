"""What a prior that is known makes of a problem's unseen images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from emdiff_app import posterior
from emdiff_app.benchmarks._common.kept import digest, kept, program
from emdiff_app.benchmarks._common.metrics import mean_psnr
from emdiff_app.benchmarks._learning.runs import say
from emdiff_app.diffusion import Prior
from emdiff_app.diffusion.device import device_for
from emdiff_app.images import IntensityScale
from emdiff_app.physics.random import generator_of
from emdiff_app.posterior.pairs import in_pairs

from .tasks import Task

__all__ = ["SEED", "Known", "best_step", "draws"]

SEED = 0
STEP_SIZES = (0.1, 0.3, 1.0)
"""Of DPS; 1 is published."""


@dataclass(frozen=True, eq=False)
class Known:
    """A prior, the intensity scale that it knows, and what learning it took."""

    prior: Prior
    scale: IntensityScale
    seconds: float
    words: str

    def on(self, device: torch.device) -> Known:
        return Known(self.prior.to(device), self.scale, self.seconds, self.words)


def draws(task: Task, known: Known, sampler: str, count: int, **options: Any) -> Tensor:
    """Posterior samples of the unseen images, in pairs; those of DPS as it was published, each by itself."""
    device = next(known.prior.parameters()).device
    imaging = task.imaging(task.test, device, known.scale)
    y = known.scale.forward(task.test.recorded.to(device))
    method = posterior.get(sampler)
    steps = posterior.auto.steps_for(imaging, known.prior) if sampler == "auto" else method.steps
    alone = [generator_of(SEED + k) for k in range(count)]
    each = alone if sampler == "dps" else in_pairs(generator_of(SEED), count)
    made = [
        imaging.crop(method.sample(known.prior, imaging, y, steps=steps, generator=own, **options))
        for own in each
    ]
    return known.scale.inverse(torch.stack(made)).cpu()


def best_step(task: Task, clean: Known) -> float:
    """The step size of DPS that is best on the truth with a clean prior, one sample of each image."""
    content = digest(
        task.test.truth, task.test.recorded, task.model, [STEP_SIZES, SEED, clean.words], program()
    )

    def compute() -> dict[str, Any]:
        found = {}
        for step in STEP_SIZES:
            say(f"{task.name}: DPS with a step of {step:g}")
            made = draws(task, clean.on(device_for("auto")), "dps", 1, zeta=step)[0]
            found[f"{step:g}"] = mean_psnr(made, task.test.truth)
        return found

    found = kept("tables-step", content, compute)
    return float(max(found, key=found.__getitem__))
