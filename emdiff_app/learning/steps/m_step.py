"""The M-step: train the prior on what the E-step has drawn and on the recorded pixels, from the same weights."""

from typing import Protocol

import torch

from emdiff_app.diffusion import Batch, Trainer
from emdiff_app.diffusion.anchors import Term
from emdiff_app.learning.pace.pacing import Pace
from emdiff_app.learning.work import State, Unstable, Work, seeded

__all__ = ["train"]

WHICH, NOISE = 1, 2
GENTLEST = 0.02
"""The learning rate at the end of a round, as a share of that at its start."""


class Teaching(Protocol):
    """What to learn from next: the same random numbers give the same batch; `mine` is a member's part of it."""

    def next(self, which: torch.Generator, mine: range) -> tuple[Batch, Term]: ...


def train(work: Work, state: State, trainer: Trainer, lessons: Teaching, begins_with: str) -> None:
    """Take the steps of this round that are not done yet. A team shares every batch."""
    recipe = work.recipe
    mine = work.team.mine(recipe.batch)
    pace = Pace.of(work, state, begins_with)
    while (step := state.step) < (steps := pace.steps):
        work.control.check(to_the_end=True)  # the pace sees to the time
        pace.look(step)
        key = (recipe.seed, state.round, step, state.halvings)
        which, trainer.generator = seeded(*key, WHICH), seeded(*key, NOISE)
        batch, term = lessons.next(which, mine)
        trainer.learning_rate = recipe.learning_rate / 2**state.halvings * _gentle(step / steps, recipe.decay)
        if trainer.part is None:
            _prepare(work, trainer, batch, term)
        skipped, part = trainer.skipped, trainer.part
        loss = trainer.step(batch, term, first=mine.start, whole=recipe.batch)
        if trainer.skipped > skipped:
            raise Unstable(step + 1)
        if part and trainer.part and trainer.part < part:
            work.notice(
                f"Memory ran out at step {step + 1}; nothing is lost. Learning goes on with {trainer.part} crops at "
                f"once (was {part}), which takes longer and changes nothing else."
            )
        state.step = step + 1
        work.tick("m-step", state.step, steps, loss)
        work.keep()
    state.notes.pop("steps", None)


def _gentle(along: float, decay: bool) -> float:
    """One for half of the round, then down to nearly 0: what is left of the noise of single batches averages out."""
    return max(GENTLEST, min(1.0, 2 * (1 - along))) if decay else 1.0


def _prepare(work: Work, trainer: Trainer, batch: Batch, term: Term) -> None:
    """What is measured on the machine is measured once a run: timings differ from time to time."""
    trainer.prepare(batch, term)
    trainer.prior.bfloat16 = work.team.agreed(trainer.prior.bfloat16)
    work.keep(True)
