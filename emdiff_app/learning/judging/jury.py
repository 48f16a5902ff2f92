"""Who judges the prior of a round: it restores held-out crops as the next E-step, and later a restoration, will."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from emdiff_app import posterior
from emdiff_app.diffusion import Batch, LearnedPrior
from emdiff_app.diffusion.one_pass import one_pass
from emdiff_app.learning.recipe import FROM_PIXELS
from emdiff_app.learning.steps.anchoring import Anchor
from emdiff_app.learning.steps.e_step import in_parts
from emdiff_app.learning.steps.start import seen_at_once
from emdiff_app.learning.work import State, Work, seeded
from emdiff_app.physics import Imaging
from emdiff_app.posterior.look import look
from emdiff_app.posterior.steps import OwnNoise

from .judgement import Judgement, Sampling, judge

__all__ = ["Jury"]

STEPS = 16
"""Of the sampler, at most, also where the E-step takes more: scores of all presets can be compared."""


@dataclass(frozen=True, eq=False)
class Jury:
    """The prior of this round, and what it may be asked for."""

    work: Work
    state: State
    prior: LearnedPrior
    anchor: Anchor
    begins_with: str

    def judge(self) -> Judgement:
        """On the same crops with the same random numbers in every round."""
        work, imaging = self.work, self.work.imaging_of_judged(0, self.work.judged)
        random = seeded(work.recipe.seed, 99)
        ways = (way and self._in_parts(way) for way in (self._one_pass, self._one_look(imaging)))
        # Of other levels of noise, which samples need, such a start knows nothing.
        only = "one-pass" if self._only_pixels and self._one_pass else None
        return judge(imaging, work.judged, random, self._in_parts(self._sample), *ways, only=only)

    def _in_parts(self, way: Sampling) -> Sampling:
        """The same on as many crops at once as memory allows."""

        def on_all(imaging: Imaging, y: Tensor, generator: torch.Generator) -> Tensor:
            def draw(part: Tensor, first: int, own: torch.Generator) -> Tensor:
                return way(self._of_part(imaging, part, first, len(y)), part, own)

            return in_parts(draw, y, 0, generator)

        return on_all

    def _of_part(self, imaging: Imaging, part: Tensor, first: int, count: int) -> Imaging:
        """`imaging` is that of all crops, with a mask and noise for each of them perhaps."""
        if len(part) == count:
            return imaging

        def some(value: Any) -> Any:
            each = isinstance(value, Tensor) and value.ndim and len(value) == count
            return value[first : first + len(part)] if each else value

        own = imaging.noise
        noise = replace(own, offset=some(own.offset), gain=some(own.gain), read_noise=some(own.read_noise))
        return replace(self.work.imaging_of_judged(first, part), noise=noise)

    def _sample(self, imaging: Imaging, y: Tensor, generator: torch.Generator) -> Tensor:
        """One sample of each crop."""
        if self._only_pixels:
            mean, variance = seen_at_once(self.prior, imaging, y, self.begins_with, generator, ways=1)
            return mean + variance.sqrt() * OwnNoise(generator, len(y)).white(mean)
        steps = max(min(self.work.recipe.sampler_steps, STEPS), 2)
        return posterior.get("auto").sample(
            self.prior, imaging, y, steps=steps, generator=generator, on_step=lambda *_: self._may_stop()
        )

    def _may_stop(self) -> None:
        """The user may leave judging off; only the start is judged to its end, so that there is a prior."""
        if self.state.round:
            self.work.control.check(to_the_end=True)
        else:
            self.work.control.worked()  # a long time without a look at the clock would be taken for sleep

    @property
    def _one_pass(self) -> Sampling | None:
        """From the neighbours, where the network has learned to predict pixels from them."""
        if self.anchor.start != "hidden-pixels":
            return None
        return lambda imaging, y, own: one_pass(self.prior, Batch.of(imaging, y), ways=2)[0]

    def _one_look(self, imaging: Imaging) -> Sampling | None:
        """What a restoration takes in the place of many samples, where it is possible."""
        able = posterior.from_noise.fits(imaging, self.prior) and bool(imaging.seen(self.work.judged).all())
        knows_levels = not self._only_pixels or self.begins_with == "one-look"
        return (lambda imaging, y, own: look(self.prior, imaging, y)[0]) if able and knows_levels else None

    @property
    def _only_pixels(self) -> bool:
        """Whether it has learned from recorded pixels alone, and so nothing of other noise than theirs."""
        return self.state.round == 0 and self.begins_with in FROM_PIXELS
