"""What is told of a restoration: before it begins, and of its result."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from emdiff_app.images import Stack
from emdiff_app.physics import NoiseSpec
from emdiff_app.physics.checking import Agreement
from emdiff_app.posterior import Report

from .engine import Engine

if TYPE_CHECKING:
    from .task import Task

__all__ = ["about_channels", "about_memory", "about_noises", "sentences_of"]


def about_channels(stack: Stack) -> str:
    count = stack.sizes.get("C", 1)
    if count == 1:
        return ""
    names = f" ({', '.join(stack.channels)})" if stack.channels else ""
    return (
        f"All {count} channels{names} were restored with the one prior, which knows one kind of image: use the result "
        "of the channel that it was learned from."
    )


def about_noises(noises: Mapping[tuple[int, ...], NoiseSpec] | None, answer: str) -> str:
    if noises is None:
        return ""
    why = "as you asked" if answer == "yes" else "since each seems to have been stretched on its own"
    return f"The noise was measured in each of the {len(noises)} images, {why}."


def about_memory(engine: Engine) -> str:
    """Blocks keep to a limit, but the results of a plane wait together until it is whole."""
    limit = engine.settings.memory
    plane = 4 * math.prod(engine.shape[len(engine.stack.outer_axes) :]) * len(engine.names)
    if limit is None or plane <= limit:
        return ""
    return (
        f"The {len(engine.names)} results of one plane take {plane / 2**30:.2g} GB together, more than the "
        f"{limit / 2**30:.2g} GB that were allowed; write fewer results to keep within that."
    )


def sentences_of(task: "Task", fits: list[Agreement], unstable: int, missing: int) -> tuple[str, ...]:
    """What the user should know of a finished restoration: how it fits the data first."""
    shaken = Report()
    shaken.rescued.update(range(unstable))
    fit = Agreement.of_all(fits).verdict if fits else ""
    return tuple(s for s in (fit, shaken.sentence, _filled(missing), *task.said, *task.engine.notes) if s)


def _filled(missing: int) -> str:
    if not missing:
        return ""
    if missing == 1:
        return (
            "1 recorded pixel was no number (NaN): it was taken as missing, and the prior has filled it in."
        )
    return (
        f"{missing} recorded pixels were no numbers (NaN): they were taken as missing, and the prior has filled "
        "them in."
    )
