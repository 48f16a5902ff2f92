"""What follows a round, and what is said where a run ends before its last one."""

from emdiff_app.learning.work import State, Work

from .pacing import time_for_another

__all__ = ["next_round", "tell_time_is_over"]


def next_round(work: Work, state: State, begins_with: str) -> tuple[int, bool]:
    """The next one, or, when patience is at its end, the first from fresh weights; and whether time is short.

    Patience counts the rounds that were judged since the best one, or since the run was taken up again with more.
    """
    recipe, notes, following = work.recipe, state.notes, state.round + 1
    waited = 0 if notes["best_round"] == state.round else int(notes.get("waited", 0)) + 1
    notes["waited"] = waited
    if recipe.patience and waited >= recipe.patience and state.round < recipe.rounds:
        unless = (
            ", unless that of fresh weights, which come next, is as good" if recipe.scratch_rounds else ""
        )
        work.notice(
            f"The held-out score has been clearly worse for {waited} rounds, so no more of them follow; the prior of "
            f"round {notes['best_round']} is kept{unless}."
        )
        notes["weight"] = 1.0
        following = recipe.rounds + 1
    if following > recipe.rounds:
        notes["waited"] = 0
    over = following <= recipe.last_round and not time_for_another(work, state, following, begins_with)
    if over:
        work.notice(
            f"The time that was given is enough for {_so_many(state.round)} done; resume the run with more for a "
            "better prior."
        )
    return following, over


def tell_time_is_over(work: Work, state: State) -> None:
    """In the middle of a round."""
    work.notice(
        f"The time that was given was over before round {state.round} was done; the prior of round "
        f"{state.notes['best_round']} is kept. Resume the run with more for a better one."
    )


def _so_many(rounds: int) -> str:
    if not rounds:
        return "the start alone, and it is"
    return "one round, and it is" if rounds == 1 else f"{rounds} rounds, and they are"
