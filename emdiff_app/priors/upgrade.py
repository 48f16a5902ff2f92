"""Cards of older file formats, brought up to the present one step at a time.

When the format changes: raise `SCHEMA` in `card.py`, add the step from the version before to `STEPS`, and
make a golden file of the new version. The old steps and the old golden files stay.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from emdiff_app import __version__
from emdiff_app.errors import PriorError

from .card import SCHEMA

__all__ = ["STEPS", "upgraded"]

Found = dict[str, Any]
STEPS: dict[int, Callable[[Found], Found]] = {}
"""From the card of this version to that of the next; a step sets the new `schema_version` itself."""


def upgraded(found: Found, path: Path, schema: int = SCHEMA) -> Found:
    """The card as the present format has it; a newer or impossible one is refused by both versions."""
    version = found.get("schema_version")
    if type(version) is not int or version < 1:
        raise PriorError(f"{path} is not a prior file (its card does not say its format); export it again.")
    if version > schema:
        raise PriorError(
            f"{path} was written by a newer EMDiff ({_writer(found)}, format {_short(version)}) than this one "
            f"({__version__}, format {schema}); update EMDiff to use it."
        )
    while version < schema:
        if version not in STEPS:
            raise PriorError(
                f"{path} has the file format {version}, which this EMDiff ({__version__}, format {schema}) cannot "
                "bring up to date; export it again with the program that made it."
            )
        try:
            found = STEPS[version](found)
        except (LookupError, TypeError, ValueError, AttributeError):
            raise PriorError(
                f"{path} has a card of the format {version} that cannot be understood; export it again."
            ) from None
        version = found["schema_version"]
    return found


def _writer(found: Found) -> str:
    versions = found.get("versions")
    made = versions.get("emdiff") if isinstance(versions, dict) else None
    return made[:40] if isinstance(made, str) and made.isprintable() else "unknown version"


def _short(version: int) -> str:
    return str(version) if version < 10**6 else "unknown"
