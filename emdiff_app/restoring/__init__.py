"""Whole stacks: a prior, an imaging model and a stack in; a clean estimate, its spread and samples out."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .batch import Outcome, Source, find_sources, make_folder, restore_each
from .job import Cancelled, RestoreProgress
from .words import INTENSITIES, WORDS, checked_words

if TYPE_CHECKING:
    from .checking import examine_if_possible
    from .chosen_prior import KnownPrior, known_prior
    from .restorer import Restoration, restore
    from .task import Task, prepare
    from .tiling import Tiled
    from .ways import Settings
    from .writing import Target, Written, write_restoration

# Found on first use: these need torch.
_HOME = {
    "KnownPrior": "chosen_prior",
    "Restoration": "restorer",
    "Settings": "ways",
    "Target": "writing",
    "Task": "task",
    "Tiled": "tiling",
    "Written": "writing",
    "examine_if_possible": "checking",
    "known_prior": "chosen_prior",
    "prepare": "task",
    "restore": "restorer",
    "write_restoration": "writing",
}

__all__ = [
    "INTENSITIES",
    "WORDS",
    "Cancelled",
    "KnownPrior",
    "Outcome",
    "Restoration",
    "RestoreProgress",
    "Settings",
    "Source",
    "Target",
    "Task",
    "Tiled",
    "Written",
    "checked_words",
    "examine_if_possible",
    "find_sources",
    "known_prior",
    "make_folder",
    "prepare",
    "restore",
    "restore_each",
    "write_restoration",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
