"""What a set-up tells the person in front of it."""

import sys

__all__ = ["SetUpError", "say"]


class SetUpError(Exception):
    """Why a set-up cannot go on; `str(reason)` says what happened, what is lost, and what to do."""


def say(text: str) -> None:
    """One line of progress. On stderr: stdout belongs to the command that runs afterwards."""
    print(text, file=sys.stderr, flush=True)
