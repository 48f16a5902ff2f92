"""The M-step: train the prior on what the E-step has drawn, from the same weights."""

import torch
from torch import Tensor

from emdiff_app.diffusion import Batch, Trainer
from emdiff_app.diffusion.anchors import Denoising, Term

from .work import State, Unstable, Work, seeded

__all__ = ["train"]

WHICH, NOISE = 1, 2


def train(work: Work, state: State, trainer: Trainer, clean: Tensor, steps: int) -> None:
    """Take the steps of this round that are not done yet. A team shares every batch."""
    recipe = work.recipe
    side = min(recipe.crop, *clean.shape[-2:])
    mine = work.team.mine(recipe.batch)
    term = Denoising()
    for step in range(state.step, steps):
        work.control.check()
        key = (recipe.seed, state.round, step, state.halvings)
        which, trainer.generator = seeded(*key, WHICH), seeded(*key, NOISE)
        chosen = torch.randint(0, len(clean), (recipe.batch,), generator=which)[mine.start : mine.stop]
        top, left = (int(torch.randint(0, n - side + 1, (), generator=which)) for n in clean.shape[-2:])
        x = clean[chosen, :, top : top + side, left : left + side].to(work.device)
        batch = Batch(clean=x.contiguous(memory_format=torch.channels_last))
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


def _prepare(work: Work, trainer: Trainer, batch: Batch, term: Term) -> None:
    """What is measured on the machine is measured once a run: timings differ from time to time."""
    trainer.prepare(batch, term)
    trainer.prior.bfloat16 = work.team.agreed(trainer.prior.bfloat16)
    work.keep(True)
