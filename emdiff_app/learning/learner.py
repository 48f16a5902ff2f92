"""`learn(run)`: from corrupted images to a prior. No exception leaves it; all becomes events."""

import os
import traceback
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

from emdiff_app.diffusion.memory import is_out_of_memory
from emdiff_app.errors import EMDiffError, RunError

from .runs import events
from .runs.lock import Lock
from .runs.run_folder import RunFolder
from .team import Alone, Team, TeamBroken
from .worker import Worker

__all__ = ["learn"]


def learn(
    run: RunFolder,
    on_event: Callable[[Any], None] = lambda event: None,
    team: Team | None = None,
    *,
    time_limit_min: float | None = None,
    forget: Mapping[str, int] | None = None,
) -> bool:
    """Do the work that the run's recipe asks for, from its last checkpoint on; True if it ended well.

    `time_limit_min` counts from now and takes the place of the recipe's. Requests to `forget`, which were meant for a
    worker before this one, are cleared once it is sure that none is at it. Where another worker is at it, or nothing
    can be written, only `on_event` hears of it.
    """
    team = team or Alone()
    job = os.environ.get("TORCHELASTIC_RUN_ID", "") if team.size > 1 else ""
    try:
        if time_limit_min is not None and not time_limit_min > 0:
            raise RunError(
                f"A time limit of {time_limit_min:g} minutes is none, so nothing was started; what was saved is kept. "
                "Give more than 0 (--time-limit), or leave it out."
            )
        with Lock(run.path / "lock", job) if team.leads else nullcontext():
            if team.leads:
                run.clear_requests(forget or {})
            return _told(run, on_event, team, time_limit_min)
    except (EMDiffError, OSError) as error:
        text = str(error)
        if not isinstance(error, EMDiffError):
            text = (
                f"{run.path} cannot be written ({error.strerror}); what was saved is kept. Free some space or check "
                "the disk, then resume the run."
            )
        on_event(events.Failed(text=text))
        return False


def _told(run: RunFolder, on_event: Callable[[Any], None], team: Team, time_limit_min: float | None) -> bool:
    """Work, with all that happens as events."""
    writer = run.writer()

    def tell(event: Any) -> None:
        if team.leads or isinstance(event, events.Failed):
            writer.write(event)
        on_event(event)

    worker = None
    try:
        recipe = run.recipe
        if time_limit_min is not None:
            recipe = recipe.model_copy(update={"time_limit_min": time_limit_min})
        worker = Worker(run, recipe, tell, team)
        worker.work()
    except TeamBroken:
        if team.leads:
            tell(
                events.Notice(
                    text="A process of the team was lost; what was saved is kept, and it goes on from there."
                )
            )
        return False
    except Exception as error:
        reason = _deeper(worker, error)
        if isinstance(reason, EMDiffError):
            tell(events.Failed(text=str(reason)))
        else:
            tell(events.Failed(text=_words(error), details=traceback.format_exc(limit=20)))
        return False
    return True


def _deeper(worker: Worker | None, error: Exception) -> Exception:
    """An image that was changed or deleted explains whatever reading it has led to."""
    try:
        if worker is not None:
            worker.inputs.check()
    except EMDiffError as reason:
        return reason
    return error


def _words(error: Exception) -> str:
    if is_out_of_memory(error):
        return (
            "Memory ran out, and fewer crops at once were of no help; what was saved is kept. Close other programs, "
            "or choose smaller crops or a smaller network."
        )
    if isinstance(error, OSError):
        return (
            f"A file could not be read or written ({error.strerror or error}); what was saved is kept. Check the disk, "
            "then resume the run."
        )
    return (
        f"Learning stopped because of a mistake in EMDiff ({type(error).__name__}: {error}). Nothing that "
        "was saved is lost; resume the run, or report it with the details."
    )
