"""Which round is kept: the best by its score on the crops that are kept aside, of those that give samples."""

import math

from emdiff_app.learning.recipe import FROM_PIXELS
from emdiff_app.learning.work import State

from .judgement import is_as_good

__all__ = ["behind_the_start", "takes_the_lead"]

CLEARLY = 2.0
"""Standard errors of the difference between a round and the start."""


def takes_the_lead(
    state: State, each: list[float], ablest: list[float], estimate: str, begins_with: str
) -> bool:
    """Whether the round that was judged is the best so far, which `state` then remembers.

    `each` is the score of each crop by the estimate that is recommended, `ablest` by the one that predicts best.

    What a start has learned from the recorded pixels alone knows only their noise and gives no samples, however well it
    predicts: the round after it takes its place in any case.
    """
    notes, pixels_alone = state.notes, begins_with in FROM_PIXELS
    if state.round == 0 and pixels_alone:
        notes["start"] = list(each)
    first = "best" not in notes or (state.round == 1 and pixels_alone)
    leads = first or is_as_good(each, notes["best"])
    if leads:
        notes["estimate"], notes["best_round"], notes["leader"] = estimate, state.round, list(ablest)
    if first or not math.isfinite(sum(notes["best"])) or sum(each) >= sum(notes["best"]):
        notes["best"] = list(each)
    return leads


def behind_the_start(state: State) -> bool:
    """Whether the round that is kept predicts clearly worse than a start that gives no samples did, whatever it tries.

    The recommended estimate may score lower: likelihood favours one pass somewhat (see `judge`).
    """
    notes = state.notes
    if not {"start", "leader"} <= notes.keys() or notes["best_round"] == 0 or len(notes["start"]) < 2:
        return False  # one crop does not say what is chance
    return not is_as_good(notes["leader"], notes["start"], errors=CLEARLY)
