"""What draws the samples of a round, and from what: it depends on how the run began and how far it is."""

from dataclasses import dataclass
from functools import cached_property

from emdiff_app.diffusion import LearnedPrior
from emdiff_app.learning.recipe import DRAWN, FROM_PIXELS
from emdiff_app.learning.work import State, Work

from .denoised import Denoiser
from .e_step import Data, Draw, restoring
from .start import as_recorded, first_draw, from_pixels

__all__ = ["Drawing"]


@dataclass(frozen=True, eq=False)
class Drawing:
    """One for the whole run: the denoiser, where there is one, is asked for each crop once."""

    work: Work
    begins_with: str

    def needed(self, state: State) -> bool:
        """Somebody's prior, and pixels predicted from their neighbours, need no samples to begin with."""
        return state.round > 0 or self.begins_with in DRAWN

    def by(self, prior: LearnedPrior | None, state: State) -> Draw:
        """With this prior; the first samples of all need none."""
        data = self._data(state)
        if prior is None or state.round == 0:
            return first_draw(self.work, data)
        if state.round == 1 and self.begins_with in FROM_PIXELS:
            return from_pixels(self.work, prior, self.begins_with)
        return restoring(self.work, prior, self.weight(state), data, cautious=self._cautious(state))

    def weight(self, state: State) -> float:
        """That of the data."""
        return float(state.notes.get("weight", self.work.recipe.first_weight))

    def _cautious(self, state: State) -> bool:
        """Under blur at first, unless what the samples are drawn from is nearly free of noise."""
        early = state.round <= self.work.recipe.cautious_rounds
        return early and self.begins_with != "denoised" and not self.work.imaging.operator.sharp

    def _data(self, state: State) -> Data:
        """The recorded crops, or at first, where a run has begun so, denoised ones."""
        denoised = self.begins_with == "denoised" and state.round <= self.work.recipe.denoised_rounds
        return self._denoiser if denoised else as_recorded(self.work)

    @cached_property
    def _denoiser(self) -> Denoiser:
        return Denoiser(self.work)
