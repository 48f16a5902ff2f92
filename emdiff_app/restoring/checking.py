"""The verdict on a restoration: crops of the stack are restored and looked at, and the whole must fit the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from emdiff_app.errors import EMDiffError
from emdiff_app.physics.checking import Agreement

from .job import Cancelled
from .trust.records import Verdict
from .trust.verdict import with_whole

if TYPE_CHECKING:
    from .task import Task
    from .trust import Examined

__all__ = ["examine_if_possible", "examine_task", "verdict_on"]


def examine_task(task: Task, should_stop: Callable[[], bool] = lambda: False) -> Examined:
    """The check of a stack with the settings of its restoration, whose calibration of the spread it takes over."""
    from emdiff_app.diffusion.memory import reused

    from .trust import examine

    def asked() -> None:
        if should_stop():
            raise Cancelled

    settings = task.engine.settings
    with reused():
        found = examine(
            task.stack,
            task.prior,
            task.given,
            sampler=settings.sampler,
            steps=settings.steps,
            seed=settings.seed,
            intensities=task.intensities,
            noises=task.engine.optics.noises,
            on_step=asked,
        )
    return replace(found, calibration=task.calibration)


def examine_if_possible(
    task: Task, should_stop: Callable[[], bool] = lambda: False
) -> tuple[Examined | None, str]:
    """The check, or why there is none: what cannot be checked may be restored all the same."""
    try:
        return examine_task(task, should_stop), ""
    except Cancelled:
        raise
    except EMDiffError as error:
        return None, f"There is no verdict, since the check could not be made: {error}"


def verdict_on(examined: Examined, whole: Agreement) -> Examined:
    """The same with what the restoration of the whole stack adds to the verdict."""
    if not whole.pixels:
        return examined
    verdict: Verdict = with_whole(examined.assessment.verdict, whole.chi2)
    return replace(examined, assessment=replace(examined.assessment, verdict=verdict))
