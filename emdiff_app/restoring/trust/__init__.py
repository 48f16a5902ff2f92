"""Whether to believe a restoration: evidence on the user's own data, a verdict in words, calibration of the spread."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .calibration import NOMINAL, UNKNOWN, Calibration, calibration_key, keep_calibration, kept_calibration
from .records import Figures, Grade, Reason, Verdict
from .verdict import judge, with_whole

if TYPE_CHECKING:
    from .assessing import Assessment, assess, draw
    from .calibrating import calibrate, coverage, tarp
    from .structures import Structures, find_structures
    from .whole_stacks import Examined, calibrate_stack, examine

# Found on first use: these need torch, and a verdict must be readable without it.
_HOME = {
    "Assessment": "assessing",
    "Examined": "whole_stacks",
    "Structures": "structures",
    "assess": "assessing",
    "calibrate": "calibrating",
    "calibrate_stack": "whole_stacks",
    "coverage": "calibrating",
    "draw": "assessing",
    "examine": "whole_stacks",
    "find_structures": "structures",
    "tarp": "calibrating",
}

__all__ = [
    "NOMINAL",
    "UNKNOWN",
    "Assessment",
    "Calibration",
    "Examined",
    "Figures",
    "Grade",
    "Reason",
    "Structures",
    "Verdict",
    "assess",
    "calibrate",
    "calibrate_stack",
    "calibration_key",
    "coverage",
    "draw",
    "examine",
    "find_structures",
    "judge",
    "keep_calibration",
    "kept_calibration",
    "tarp",
    "with_whole",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
