"""EMDiff: learn what clean images look like from corrupted ones alone, and restore stacks with it.

For notebooks and workflows, two functions:

    prior = emdiff_app.learn("recorded.tif", "run", "model.json", preset="quick")
    result = emdiff_app.restore("recorded.tif", prior, samples=8)   # result.mean, result.spread, result.verdict

Importing this package imports neither torch nor Qt: plugin discovery and the command line stay fast.
"""

import os
from importlib import import_module
from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "learn", "restore"]

# Read by torch's threads when it is first imported: a thread that waits shall soon sleep. Where other programs
# want the cores as well, spinning makes a training step many times slower (docs/decisions/0008).
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

# Found on first use: they need torch.
_HOME = {"learn": "emdiff_app.learning.plain", "restore": "emdiff_app.restoring"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
