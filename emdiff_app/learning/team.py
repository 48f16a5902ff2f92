"""Who computes what, when several processes work on one run; alone, everything is one's own.

Pixels travel through the run folder, which all of them see; only gradients and small decisions are exchanged.
"""

from typing import Any, Protocol, TypeVar

from torch import Tensor

__all__ = ["Alone", "Team", "TeamBroken"]

T = TypeVar("T")


class TeamBroken(Exception):  # noqa: N818 - the error is another one's
    """Another member has died or failed, and said why if it could."""


class Team(Protocol):
    """`rank` of `size`. What is not `mine` must be called by every member alike, in the same order."""

    rank: int
    size: int

    @property
    def leads(self) -> bool:
        """Whether this one writes events, checkpoints and the prior."""
        ...

    def mine(self, count: int) -> range:
        """This member's share of `count` things."""
        ...

    def add_up(self, tensors: list[Tensor]) -> None:
        """Replace each tensor by its sum over all members."""
        ...

    def agreed(self, value: T) -> T:
        """The leader's value; plain JSON values only."""
        ...

    def barrier(self) -> None:
        """Wait for all members; if one of them has left, raise `StopRequested` in all."""
        ...

    def leave(self) -> None:
        """The user wants to stop, and this member noticed: the others hear it when they meet next."""
        ...


class Alone:
    """One process."""

    rank, size, leads = 0, 1, True

    def mine(self, count: int) -> range:
        return range(count)

    def add_up(self, tensors: list[Tensor]) -> None:
        return None

    def agreed(self, value: Any) -> Any:
        return value

    def barrier(self) -> None:
        return None

    def leave(self) -> None:
        return None
