"""What the set-up scripts share. Only the standard library: they run before anything is installed."""

from .commands import guarded, main_job, run, test, test_steps
from .environment import Environment
from .messages import SetUpError

__all__ = ["Environment", "SetUpError", "guarded", "main_job", "run", "test", "test_steps"]
