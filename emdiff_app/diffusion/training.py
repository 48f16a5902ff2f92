"""Training a prior on images: Adam, warm-up, gradient clipping, an average of the weights for sampling."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from .learned import LearnedPrior, draw_levels

__all__ = ["Trainer"]


class Trainer:
    """Holds a prior, its optimiser and the running average that is sampled from.

    `average` follows the weights with a memory that grows with the steps taken, up to `memory` steps:
    early averages must forget the random start.
    """

    def __init__(
        self,
        prior: LearnedPrior,
        *,
        learning_rate: float,
        warm_up: int = 50,
        memory: int = 500,
        seed: int = 0,
    ) -> None:
        self.prior = prior
        self.average = copy.deepcopy(prior).eval().requires_grad_(False)
        self.learning_rate, self.warm_up, self.memory = learning_rate, warm_up, memory
        self.steps = 0
        self.generator = torch.Generator().manual_seed(seed)
        self.reset_optimiser()

    def reset_optimiser(self) -> None:
        """Forget the momenta: after an E-step the data are new."""
        self.optimiser = torch.optim.Adam(self.prior.parameters(), lr=self.learning_rate, betas=(0.9, 0.99))
        self.steps_here = 0

    def step(self, x: Tensor) -> float:
        """One optimiser step on clean crops `(B, C, H, W)`; the loss, which may be not finite."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate * min(1.0, (self.steps_here + 1) / self.warm_up)
        x = _turned(x, self.generator)
        sigma = draw_levels(len(x), self.prior.sigma_data, self.generator, x)
        noise = torch.randn(x.shape, generator=self.generator).to(x)
        loss = self.prior.loss(x, sigma, noise)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.prior.parameters(), 1.0)
        value = float(loss.detach())
        if torch.isfinite(loss):
            self.optimiser.step()
            self._follow()
        self.steps += 1
        self.steps_here += 1
        return value

    @torch.no_grad()
    def _follow(self) -> None:
        share = 1 - 1 / min(self.memory, 1 + self.steps / 10)
        pairs = zip(self.average.parameters(), self.prior.parameters(), strict=True)
        for slow, fast in pairs:
            slow.lerp_(fast, 1 - share)

    def state(self) -> dict[str, Any]:
        """Everything that a later process needs to go on as if nothing had happened."""
        return {
            "prior": self.prior.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "steps": self.steps,
            "steps_here": self.steps_here,
            "generator": self.generator.get_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.prior.load_state_dict(state["prior"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.steps, self.steps_here = int(state["steps"]), int(state["steps_here"])
        self.generator.set_state(state["generator"])


def _turned(x: Tensor, generator: torch.Generator) -> Tensor:
    """The batch flipped and turned at random: microscopy has no up and no down."""
    flip, turn = torch.randint(0, 2, (), generator=generator), torch.randint(0, 4, (), generator=generator)
    x = x.flip(-1) if int(flip) else x
    return torch.rot90(x, int(turn), (-2, -1)) if x.shape[-1] == x.shape[-2] else x
