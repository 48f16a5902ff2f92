"""What a run consists of, in small steps: for the time that is left."""

from collections import Counter

from emdiff_app.learning.recipe import DRAWN, FROM_PIXELS, Recipe
from emdiff_app.learning.work import E_BATCH, State

from .timing import Clock

__all__ = ["FIRST_DRAWS", "clock_for", "clock_phase", "steps_done"]

FIRST_DRAWS = "first draws"
"""A batch of samples that no sampler draws is many times quicker than one of the E-steps that follow."""


def clock_for(recipe: Recipe, processes: int, begins_with: str = "gaussian") -> Clock:
    """A clock for the whole run; weights are in evaluations of the network."""
    planned: Counter[str] = Counter()
    for number in range(recipe.last_round + 1):
        planned += _round(recipe, number, processes, begins_with)
    weight: dict[str, float] = {
        "start": 10,
        FIRST_DRAWS: E_BATCH,
        "e-step": E_BATCH * recipe.sampler_steps,
        "m-step": 3 * recipe.batch,
        "score": 500,
    }
    return Clock(planned=dict(planned), weight=weight)


def clock_phase(phase: str, round: int, begins_with: str) -> str:
    """What the clock calls a `phase` of this round."""
    simple = round == 0 or (round == 1 and begins_with in FROM_PIXELS)
    return FIRST_DRAWS if phase == "e-step" and simple else phase


def steps_done(recipe: Recipe, state: State, processes: int, begins_with: str = "gaussian") -> dict[str, int]:
    """What of it lies behind a run that goes on from `state`."""
    done: Counter[str] = Counter()
    for number in range(state.round):
        done += _round(recipe, number, processes, begins_with)
    if state.stage == "denoise":
        done["m-step"] += state.step
    elif "denoised" in state.notes and state.round == 0:
        done["m-step"] += int(state.notes["denoised"])
    if state.stage in ("m-step", "score"):
        here = _round(recipe, state.round, processes, begins_with)
        done += here - Counter({"m-step": here["m-step"], "score": here["score"]})
        done["m-step"] += state.step
    return dict(done)


def _round(recipe: Recipe, number: int, processes: int, begins_with: str) -> Counter[str]:
    crops = round(recipe.crops * recipe.share(number))
    drawn = begins_with in DRAWN
    denoising = recipe.denoising_steps if begins_with == "denoised" and number == 0 else 0
    return Counter(
        {
            "start": recipe.gaussian_rounds if number == 0 and drawn else 0,
            clock_phase("e-step", number, begins_with): -(-crops // (E_BATCH * processes))
            if number or drawn
            else 0,
            "m-step": 0
            if begins_with == "prior" and not number
            else recipe.steps_in(number, begins_with) + denoising,
            "score": 1,
        }
    )
