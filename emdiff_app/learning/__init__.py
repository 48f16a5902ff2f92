"""Learning a prior from corrupted images by expectation-maximisation.

The description of a run (recipe, events, folder) needs no torch; `learn` itself is loaded when called for.
"""

from typing import TYPE_CHECKING, Any

from .crops.opening import each_once, one_channel, open_recorded
from .recipe import PRESETS, Preset, Recipe
from .runs import events
from .runs.events import EventFollower, EventWriter
from .runs.run_folder import Request, RunFolder
from .runs.story import Story

if TYPE_CHECKING:
    from .learner import learn

__all__ = [
    "PRESETS",
    "EventFollower",
    "EventWriter",
    "Preset",
    "Recipe",
    "Request",
    "RunFolder",
    "Story",
    "each_once",
    "events",
    "learn",
    "one_channel",
    "open_recorded",
]


def __getattr__(name: str) -> Any:
    if name == "learn":
        from .learner import learn

        return learn
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
