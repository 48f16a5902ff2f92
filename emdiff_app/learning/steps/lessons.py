"""What one step of the M-step learns from: samples, clean images among them, or the recorded pixels themselves."""

from dataclasses import dataclass

import torch
from torch import Tensor

from emdiff_app.diffusion import Batch
from emdiff_app.diffusion.anchors import Term
from emdiff_app.learning.work import Work
from emdiff_app.physics import Imaging

from .anchoring import Anchor
from .e_step import Drawn

__all__ = ["Lessons", "recorded_crops"]


@dataclass(frozen=True, eq=False)
class Lessons:
    """`next` gives a batch and the term that learns from it; the same random numbers give the same.

    Without samples all steps are on the recorded pixels; without a term for these, all are on samples.
    """

    work: Work
    anchor: Anchor
    drawn: Drawn | None
    clean: Tensor | None = None
    share: float = 0.5
    """Of the steps on recorded pixels."""
    clean_share: float = 0.0
    """Of a batch that is clean images."""

    def next(self, which: torch.Generator, mine: range) -> tuple[Batch, Term]:
        on_recorded = float(torch.rand((), generator=which)) < self.share
        if self.anchor.term is not None and (on_recorded or self.drawn is None):
            return self._recorded(which, mine), self.anchor.term
        return self._samples(which, mine), self.anchor.on_samples

    def _recorded(self, which: torch.Generator, mine: range) -> Batch:
        return Batch.of(*recorded_crops(self.work, which, mine))

    def _samples(self, which: torch.Generator, mine: range) -> Batch:
        recipe, part = self.work.recipe, slice(mine.start, mine.stop)
        if self.drawn is None:
            assert self.clean is not None
            return Batch(clean=self._home(self._clean(recipe.batch, which)[part]))
        x = self.drawn.clean
        chosen = torch.randint(0, len(x), (recipe.batch,), generator=which)
        picked = _window(x[chosen], recipe.crop, which)
        if self.clean is not None:
            # Of small batches some have one and others none.
            count = int(self.clean_share * recipe.batch + float(torch.rand((), generator=which)))
            picked = torch.cat([self._clean(count, which), picked[count:]])
        noise = others = None
        if self.anchor.on_samples.camera:
            noise = self.work.noise_for(self.drawn.numbers[chosen][part].tolist())
            others = self._home(picked.roll(1, 0)[part])
        return Batch(clean=self._home(picked[part]), noise=noise, others=others)

    def _clean(self, count: int, which: torch.Generator) -> Tensor:
        assert self.clean is not None
        chosen = torch.randint(0, len(self.clean), (count,), generator=which)
        return _window(self.clean[chosen], self.work.recipe.crop, which)

    def _home(self, x: Tensor) -> Tensor:
        return x.to(self.work.device).contiguous(memory_format=torch.channels_last)


def recorded_crops(work: Work, which: torch.Generator, mine: range) -> tuple[Imaging, Tensor]:
    """A member's part of a batch of recorded crops, any of them, and their imaging model."""
    chosen = torch.randint(0, len(work.crops), (work.recipe.batch,), generator=which).tolist()
    chosen = chosen[mine.start : mine.stop]
    y = work.crops.chosen(chosen).to(work.device)
    return work.imaging_for(chosen, y), y.contiguous(memory_format=torch.channels_last)


def _window(x: Tensor, side: int, which: torch.Generator) -> Tensor:
    """The same square of all images; of images that the optics reached beyond the crop, another one each step."""
    side = min(side, *x.shape[-2:])
    top, left = (int(torch.randint(0, n - side + 1, (), generator=which)) for n in x.shape[-2:])
    return x[..., top : top + side, left : left + side]
