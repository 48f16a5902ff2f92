"""Which round is kept: the best by its score on the crops that are kept aside, of those that give samples."""

import math

from emdiff_app.learning.recipe import FROM_PIXELS
from emdiff_app.learning.work import State

from .judgement import is_as_good

__all__ = ["behind_the_start", "misfit", "takes_the_lead"]

FITTING = 0.6, 1.5
"""The chi2 of samples that fit; far from 1 even where noise is measured badly."""

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


def misfit(state: State) -> str:
    """A sentence where samples of the kept round do not fit the recorded crops as the noise has it, else none."""
    notes = state.notes
    chi2 = notes.get("chi2")
    if notes.get("best_round") == 0 and "start" in notes:
        return ""  # it has learned from the recorded pixels alone and gives no samples
    if chi2 is None or FITTING[0] <= chi2 <= FITTING[1]:
        return ""
    if chi2 < 1:
        return (
            f"Samples come nearer to the held-out crops than the noise of the imaging model allows (chi2 {chi2:.2f}, "
            "which should be about 1): that noise is too strong for these images. Measure it with `emdiff estimate`."
        )
    return (
        f"Samples are farther from the held-out crops than the noise of the imaging model allows (chi2 {chi2:.2f}, "
        "which should be about 1): the model is wrong for these images (`emdiff estimate` measures the noise), or too "
        "little was learned yet."
    )


def behind_the_start(state: State) -> bool:
    """Whether the round that is kept predicts clearly worse than a start that gives no samples did, whatever it tries.

    The recommended estimate may score lower: likelihood favours one pass somewhat (see `judge`).
    """
    notes = state.notes
    if not {"start", "leader"} <= notes.keys() or notes["best_round"] == 0 or len(notes["start"]) < 2:
        return False  # one crop does not say what is chance
    return not is_as_good(notes["leader"], notes["start"], errors=CLEARLY)
