"""The E-step: one plausible clean image for each recorded crop.

Always a sample, never a mean: means have too little spread, and the prior would collapse.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from emdiff_app import posterior
from emdiff_app.diffusion import LearnedPrior
from emdiff_app.diffusion.memory import is_out_of_memory
from emdiff_app.errors import RunError

from .control import StopRequested
from .samples import Tensors
from .work import E_BATCH, State, Work, seeded

__all__ = ["Draw", "draw_all", "drawn", "restoring"]

ABSURD = 3.0
"""A sample is not learned from when its chi2 is above this and above twice what is usual in its batch."""

Draw = Callable[[Tensor, int, torch.Generator], Tensor]
"""From recorded crops, the number of the first of them, and random numbers to samples."""


def restoring(work: Work, prior: LearnedPrior) -> Draw:
    """Draws from the posterior under `prior`."""
    method = posterior.get("auto")

    def draw(y: Tensor, first: int, generator: torch.Generator) -> Tensor:
        return method.sample(
            prior,
            work.imaging,
            y,
            steps=work.recipe.sampler_steps,
            generator=generator,
            on_step=lambda *_: work.control.check(),
        )

    return draw


def draw_all(work: Work, state: State, draw: Draw) -> None:
    """Draw every batch of this round that is not in the run folder yet; a team shares them."""
    starts = range(0, len(work.crops), E_BATCH)
    mine = work.team.mine(len(starts))
    stopped = False
    try:
        for count, index in enumerate(mine):
            work.control.check()
            path = work.samples.batch(state.round, starts[index])
            if work.samples.read(path, state.drawn_by) is None:
                work.samples.write(path, _one_batch(work, state, draw, starts[index]), state.drawn_by)
            work.keep()
            work.tick("e-step", count + 1, len(mine), None)
    except StopRequested:
        stopped = True
    if work.team.any(stopped):
        raise StopRequested


def drawn(work: Work, state: State, draw: Draw) -> Tensor:
    """All samples of this round but those that make no sense; one that was lost meanwhile is drawn again."""
    kept, state.discarded = [], 0
    for start in range(0, len(work.crops), E_BATCH):
        batch = work.samples.read(work.samples.batch(state.round, start), state.drawn_by)
        if batch is None:
            batch = _one_batch(work, state, draw, start)
            work.samples.write(work.samples.batch(state.round, start), batch, state.drawn_by)
        kept.append(batch["x"][batch["good"]])
        state.discarded += int((~batch["good"]).sum())
    clean = torch.cat(kept)
    if not len(clean):
        raise RunError(
            "No image could be drawn that fits the recorded ones; what was saved is kept. The imaging model "
            "is probably wrong: check the noise with `emdiff estimate`."
        )
    return clean


def _one_batch(work: Work, state: State, draw: Draw, start: int) -> Tensors:
    y = work.recorded(start, start + E_BATCH)
    x = in_parts(draw, y, start, seeded(work.recipe.seed, state.round + 1, start))
    chi2 = work.imaging.chi2(y, x)
    finite = torch.isfinite(x).flatten(1).all(1) & torch.isfinite(chi2)
    usual = chi2[finite].median() if bool(finite.any()) else chi2.new_zeros(())
    good = finite & (chi2 <= (2 * usual).clamp_min(ABSURD))
    return {"x": x.cpu(), "chi2": chi2.cpu(), "good": good.cpu()}


def in_parts(draw: Draw, y: Tensor, first: int, generator: torch.Generator) -> Tensor:
    """`draw` on as many crops at once as memory allows; each crop has random numbers of its own."""
    begin = generator.get_state()
    try:
        return draw(y, first, generator)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error) or len(y) == 1:
            raise
    if y.device.type == "cuda":
        torch.cuda.empty_cache()
    generator.set_state(begin)
    half = len(y) // 2
    parts = [(y[:half], first), (y[half:], first + half)]
    return torch.cat([in_parts(draw, part, at, generator) for part, at in parts])
