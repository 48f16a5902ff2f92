"""What the window holds, and what it can do: the one thing that panels talk to."""

from .session import Session

__all__ = ["Session"]
