"""A run with a time limit ends its last round in time, rather than being cut off in the middle of it.

How long a step takes is measured in the first ones of each training; it is then as long as the time allows, and the
learning rate falls over just that length.
"""

from dataclasses import dataclass

from emdiff_app.learning.recipe import FROM_PIXELS
from emdiff_app.learning.work import State, Work

__all__ = ["Pace", "time_for_another"]

AGAIN = 20
"""After so many steps the pace is measured again."""
JUDGING = 200
"""Evaluations of the network for each held-out crop, where it is not known yet how long judging takes."""
DRAWING = 5
"""Forward passes for each step of the sampler and crop, where it is not known yet how long drawing takes: a restored
crop is larger than one that is learned from, and some of the work is not the network's."""
CAREFUL = 1.05
"""Steps and draws may come to take this much longer."""
LEAST = 0.3
"""A round with less than this share of its steps is not begun."""
START = {"hidden-pixels": 0.35, "one-look": 0.35, "denoised": 0.4}
"""The share of the whole time until the start is done."""
OTHER_START = 0.2
DENOISING = 0.25
"""The same for denoising, where that comes first."""
ALL_LEVELS = 0.85
"""The same for the round after predicted pixels: what it learns, rounds of EM hardly improve on."""


@dataclass
class Pace:
    """The number of steps of a training, looked at again every now and then while it runs."""

    work: Work
    state: State
    begins_with: str
    steps: int
    _began: tuple[int, float] | None = None

    @classmethod
    def of(cls, work: Work, state: State, begins_with: str) -> "Pace":
        pace = cls(work, state, begins_with, 0)
        pace.steps = int(state.notes.get("steps", pace.planned))
        return pace

    @property
    def planned(self) -> int:
        """The steps of this training, if there is time for all of them."""
        recipe, state = self.work.recipe, self.state
        if state.stage == "denoise":
            return recipe.denoising_steps
        return recipe.steps_in(state.round, self.begins_with)

    def look(self, step: int) -> None:
        """Before step number `step` of this round."""
        if self.work.control.left_s == 0 and self.work.team.size == 1:  # whatever was measured
            self.steps = min(self.steps, step + 1)
            return
        if self._began is None:
            if step:  # the very first one sets everything up
                self._began = step, self.work.control.worked()
            return
        if (step - self._began[0]) % AGAIN:
            return
        pace = (self.work.control.worked() - self._began[1]) / (step - self._began[0])
        self.steps = self.work.team.agreed(self._fitting(step, pace))
        self.state.notes.update(steps=self.steps, pace_s=pace)

    def _fitting(self, step: int, pace_s: float) -> int:
        """Of the planned steps of this round, those that there is time for."""
        recipe, left = self.work.recipe, self.work.control.left_s
        if left is None:
            return self.planned
        judging = JUDGING * recipe.held_out / (3 * recipe.batch) * pace_s
        left -= CAREFUL * float(self.state.notes.get("judging_s", judging))
        left -= (1 - self._share) * 60 * (recipe.time_limit_min or 0.0)
        return min(self.planned, step + max(int(left / (CAREFUL * pace_s)), 0))

    @property
    def _share(self) -> float:
        """The share of the whole time that may be over when this training is."""
        round = self.state.round
        if round == 0 and self.work.recipe.rounds:
            return DENOISING if self.state.stage == "denoise" else START.get(self.begins_with, OTHER_START)
        return ALL_LEVELS if round == 1 < self.work.recipe.rounds and self.begins_with in FROM_PIXELS else 1.0


def time_for_another(work: Work, state: State, following: int, begins_with: str) -> bool:
    """Whether the `following` round, with at least some of its training, still fits."""
    left, notes = work.control.left_s, state.notes
    if left is None:
        return True
    training = LEAST * work.recipe.steps_in(following) * float(notes.get("pace_s", 0.0))
    needed = _drawing_s(work, state, following, begins_with) + training + float(notes.get("judging_s", 0.0))
    return left > CAREFUL * needed


def _drawing_s(work: Work, state: State, following: int, begins_with: str) -> float:
    """Of the `following` round: what drawing took in this one, unless that was of another kind."""
    recipe, notes = work.recipe, state.notes
    first = 2 if begins_with in FROM_PIXELS else 1  # that draws with the sampler
    if state.round >= first:
        before, after = (recipe.share(r) for r in (state.round, following))
        return float(notes.get("drawing_s", 0.0)) * after / before
    if following < first:
        return 0.0  # a pass or two for each crop
    passes = DRAWING * recipe.sampler_steps * len(work.crops) * recipe.share(following)
    return passes * float(notes.get("pace_s", 0.0)) / (3 * recipe.batch)
