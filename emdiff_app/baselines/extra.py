"""Libraries that only the extra `bench` brings."""

import importlib
from typing import Any

from emdiff_app.errors import EMDiffError

__all__ = ["library"]


def library(name: str, method: str) -> Any:
    """The library, or a sentence that says how to get it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise EMDiffError(
            f"{method} needs {name}, which is not installed; nothing was restored. In the folder of "
            'EMDiff, `python -m pip install ".[bench]"` installs it; or choose another method.'
        ) from None
