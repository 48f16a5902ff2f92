"""What goes wrong for a user, in words.

Every error here carries one sentence that says what happened, whether anything is lost, and what to do.
The command line prints it and exits with 2; the window shows it. Anything else that is raised is a
mistake of ours, not of the user's.
"""

__all__ = ["EMDiffError", "PhysicsError", "PriorError", "RunError", "StackError"]


class EMDiffError(Exception):
    """Something a user can understand and mend; `str(error)` is the sentence to show."""


class StackError(EMDiffError):
    """An image cannot be read, understood or written."""


class PhysicsError(EMDiffError):
    """An imaging model, a PSF or a noise model does not fit."""


class PriorError(EMDiffError):
    """A prior file cannot be read or does not fit."""


class RunError(EMDiffError):
    """A training cannot start or go on."""
