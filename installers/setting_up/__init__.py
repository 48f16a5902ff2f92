"""What the set-up scripts share. Only the standard library: they run before anything is installed."""

from .commands import checks, guarded, main_job, run, test
from .environment import Environment
from .messages import SetUpError

__all__ = ["Environment", "SetUpError", "checks", "guarded", "main_job", "run", "test"]
