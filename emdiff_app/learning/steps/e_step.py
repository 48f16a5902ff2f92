"""The E-step: one plausible clean image for each recorded crop.

Always a sample, never a mean: means have too little spread, and the prior would collapse.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from emdiff_app import posterior
from emdiff_app.diffusion import LearnedPrior
from emdiff_app.diffusion.memory import is_out_of_memory
from emdiff_app.errors import RunError
from emdiff_app.learning.runs.samples import Tensors
from emdiff_app.learning.work import E_BATCH, State, Work, seeded
from emdiff_app.physics import Imaging

from .tempering import weighted

__all__ = ["Data", "Draw", "Drawn", "batches", "draw_all", "drawn", "in_parts", "restoring"]

Draw = Callable[[Tensor, int, torch.Generator], Tensor]
"""From recorded crops, the number of the first of them, and random numbers to samples."""
Data = Callable[[Tensor, int], tuple[Imaging, Tensor]]
"""From recorded crops and the number of the first to an imaging model, and to what it is taken to have recorded."""


@dataclass(frozen=True)
class Drawn:
    """Samples of a round, the numbers of their crops, and the mean of their chi2."""

    clean: Tensor
    numbers: Tensor
    chi2: float


def restoring(work: Work, prior: LearnedPrior, weight: float, data: Data, *, cautious: bool) -> Draw:
    """Draws from the posterior under `prior` given `data`, which weigh `weight`."""
    name, options = sampler_for(work, weight, cautious)
    method = posterior.get(name)

    def draw(y: Tensor, first: int, generator: torch.Generator) -> Tensor:
        imaging, given = data(y, first)
        return method.sample(
            prior,
            weighted(imaging, weight),
            given,
            steps=work.recipe.sampler_steps,
            generator=generator,
            on_step=lambda *_: work.control.check(),
            **options,
        )

    return draw


def sampler_for(work: Work, weight: float, cautious: bool) -> tuple[str, dict[str, Any]]:
    """The recipe's, or the default of the imaging model; or, to be cautious, a proximal one that trusts the prior more.

    What a blur hides, exact samples keep as broad as the prior has it, round after round. Taking the prior to be surer
    than it is lets what no image shows fade, and what the images do show emerges in a few rounds; for longer it would
    only lose spread.
    """
    recipe = work.recipe
    if recipe.sampler == "dps":  # it has a step size, and no noise level
        return "dps", {"zeta": recipe.step_size * weight}
    if recipe.sampler == "auto" and cautious and recipe.caution < 1:
        return "diffpir", {"share": recipe.caution}
    return recipe.sampler, {}


def batches(work: Work, round: int) -> list[int]:
    """The first crops of the batches that this round draws: some of them, others than in the round before."""
    starts = range(0, len(work.crops), E_BATCH)
    counts = [max(math.ceil(work.recipe.share(r) * len(starts)), 1) for r in range(1, round + 1)]
    if not counts:
        return list(starts)
    before = sum(counts[:-1])
    return [starts[(before + k) % len(starts)] for k in range(counts[-1])]


def draw_all(work: Work, state: State, draw: Draw) -> None:
    """Draw every batch of this round that is not in the run folder yet; a team shares them."""
    starts = batches(work, state.round)
    mine = work.team.mine(len(starts))
    for count, index in enumerate(mine):
        work.control.check()
        path = work.samples.batch(state.round, starts[index])
        if work.samples.read(path, state.drawn_by) is None:
            work.samples.write(path, _one_batch(work, state, draw, starts[index]), state.drawn_by)
        work.keep()
        work.tick("e-step", count + 1, len(mine), None)


def drawn(work: Work, state: State, draw: Draw) -> Drawn:
    """All samples of this round but those that make no sense; one that was lost meanwhile is drawn again."""
    kept, numbers, chi2, state.discarded = [], [], [], 0
    for start in batches(work, state.round):
        batch = work.samples.read(work.samples.batch(state.round, start), state.drawn_by)
        if batch is None:
            batch = _one_batch(work, state, draw, start)
            work.samples.write(work.samples.batch(state.round, start), batch, state.drawn_by)
        good = batch["good"]
        kept.append(batch["x"][good])
        numbers.append(start + good.nonzero().flatten())
        chi2.append(batch["chi2"][good])
        state.discarded += int((~good).sum())
    clean = torch.cat(kept)
    if not len(clean):
        raise RunError(
            "No image could be drawn that fits the recorded ones; what was saved is kept. The imaging model "
            "is probably wrong: check the noise with `emdiff estimate`."
        )
    return Drawn(clean, torch.cat(numbers), float(torch.cat(chi2).mean()))


def _one_batch(work: Work, state: State, draw: Draw, start: int) -> Tensors:
    y = work.recorded(start, start + E_BATCH)
    x = in_parts(draw, y, start, seeded(work.recipe.seed, state.round + 1, start))
    chi2 = work.imaging_of(start, y).chi2(y, x)
    finite = torch.isfinite(x).flatten(1).all(1) & torch.isfinite(chi2)
    usual = chi2[finite].median() if bool(finite.any()) else chi2.new_zeros(())
    good = finite & (chi2 <= (2 * usual).clamp_min(work.recipe.absurd))
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
