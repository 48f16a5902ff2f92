"""Expectation-maximisation: draw clean images for every recorded one, learn from them, repeat.

Round 0 learns from exact posterior samples of a stationary Gaussian, fitted by EM as well. Every later
round draws with the present prior (E-step) and trains on what was drawn (M-step), from the same weights.
Always samples, never means: means have too little spread and the prior would collapse.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from emdiff_app import posterior
from emdiff_app.diffusion import GaussianPrior, LearnedPrior, Trainer
from emdiff_app.diffusion.gaussian_em import fit_gaussian
from emdiff_app.errors import RunError
from emdiff_app.physics import Imaging

from .control import Control
from .crops import CropSet
from .recipe import Recipe

__all__ = ["E_BATCH", "Rounds", "seeded"]

E_BATCH = 32
"""So many crops are restored at once."""
ABSURD = 3.0
"""A sample is not learned from when its chi2 is above this and above twice what is usual in its batch."""

OnTick = Callable[[str, int, int, float | None], None]
"""Called with (phase, step, steps, loss) after every small piece of work."""


def seeded(*numbers: int) -> torch.Generator:
    """A generator that depends on all of `numbers`: seed, round, batch."""
    value = 0x9E3779B97F4A7C15
    for number in numbers:
        value = ((value ^ number) * 0xBF58476D1CE4E5B9 + 0x94D049BB133111EB) % 2**63
    return torch.Generator().manual_seed(value)


@dataclass
class Rounds:
    """The state of a run between two rounds, and the work of one."""

    recipe: Recipe
    crops: CropSet
    imaging: Imaging
    device: torch.device
    control: Control
    on_tick: OnTick
    trainer: Trainer | None = None
    discarded: int = 0

    @property
    def prior(self) -> LearnedPrior:
        """What the samplers use: the running average of the weights."""
        assert self.trainer is not None
        return self.trainer.average

    def start(self) -> None:
        """Round 0: the Gaussian, then a network that has learned from its samples."""
        gaussian = self._gaussian()
        clean = self._draw_all(lambda y, g: gaussian.draw_posterior(self.imaging, y, g), 0)
        self.trainer = self._new_trainer(float(clean.mean()), float(clean.std()))
        self._train(clean, 0, self.recipe.first_steps)

    def round(self, number: int) -> None:
        """E-step, then M-step."""
        assert self.trainer is not None
        clean = self._draw_all(self._restored, number)
        self.trainer.reset_optimiser()
        self._train(clean, number, self.recipe.steps)

    def state(self) -> dict[str, Any]:
        assert self.trainer is not None
        return {
            "sigma_data": self.prior.sigma_data,
            "mean": self.prior.mean,
            "trainer": self.trainer.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.trainer = self._new_trainer(float(state["mean"]), float(state["sigma_data"]))
        self.trainer.restore(state["trainer"])

    def _new_trainer(self, mean: float, sigma_data: float) -> Trainer:
        torch.manual_seed(self.recipe.seed)
        channels = self.crops.batch(0, 1).shape[1]
        prior = LearnedPrior(self.recipe.size, channels, sigma_data, mean)
        prior = prior.to(self.device, memory_format=torch.channels_last)
        return Trainer(prior, learning_rate=self.recipe.learning_rate)

    def _gaussian(self) -> GaussianPrior:
        total = self.recipe.gaussian_rounds
        few = [self._recorded(i, i + E_BATCH) for i in range(0, min(len(self.crops), 256), E_BATCH)]

        def tick(number: int) -> None:
            self.control.check()
            self.on_tick("start", number + 1, total, None)

        return fit_gaussian(self.imaging, few, seeded(self.recipe.seed, 0), rounds=total, on_round=tick)

    def _recorded(self, start: int, stop: int) -> Tensor:
        return self.crops.batch(start, min(stop, len(self.crops))).to(self.device)

    def _restored(self, y: Tensor, generator: torch.Generator) -> Tensor:
        def tick(step: int, steps: int, _: Tensor) -> None:
            self.control.check()

        method = posterior.get("auto")
        steps = self.recipe.sampler_steps
        return method.sample(self.prior, self.imaging, y, steps=steps, generator=generator, on_step=tick)

    def _draw_all(self, draw: Callable[[Tensor, torch.Generator], Tensor], number: int) -> Tensor:
        """One sample for each crop, less those that make no sense."""
        kept = []
        batches = range(0, len(self.crops), E_BATCH)
        for count, start in enumerate(batches):
            self.control.check()
            y = self._recorded(start, start + E_BATCH)
            x = draw(y, seeded(self.recipe.seed, number + 1, start))
            chi2 = self.imaging.chi2(y, x)
            finite = torch.isfinite(x).flatten(1).all(1) & torch.isfinite(chi2)
            usual = chi2[finite].median() if bool(finite.any()) else chi2.new_zeros(())
            good = finite & (chi2 <= (2 * usual).clamp_min(ABSURD))
            self.discarded += int((~good).sum())
            kept.append(x[good].cpu())
            self.on_tick("e-step", count + 1, len(batches), None)
        clean = torch.cat(kept)
        if not len(clean):
            raise RunError(
                "No image could be drawn that fits the recorded ones; what was saved is kept. The imaging model "
                "is probably wrong: check the noise with `emdiff estimate`."
            )
        return clean

    def _train(self, clean: Tensor, number: int, steps: int) -> None:
        assert self.trainer is not None
        self.trainer.generator = seeded(self.recipe.seed, number, 1)
        order = seeded(self.recipe.seed, number, 2)
        side = min(self.recipe.crop, *clean.shape[-2:])
        for step in range(steps):
            self.control.check()
            chosen = torch.randint(0, len(clean), (self.recipe.batch,), generator=order)
            top, left = (int(torch.randint(0, n - side + 1, (), generator=order)) for n in clean.shape[-2:])
            x = clean[chosen, :, top : top + side, left : left + side].to(self.device)
            loss = self.trainer.step(x.contiguous(memory_format=torch.channels_last))
            self.on_tick("m-step", step + 1, steps, loss)
