"""A team of processes on one or many machines: torch's process group, and an agreement on when to stop.

Members meet often: at every step of the training, and wherever one waits for another. One that wants to stop, since
it was the first to see the request, says so at the next meeting, so that nobody waits for it in vain.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from .control import StopRequested
from .team import TeamBroken

__all__ = ["Members"]

T = TypeVar("T")
PATIENCE = timedelta(days=30)
"""A paused run waits for long; a member that has died is noticed at once, by its closed connection."""


class Members:
    """This process among those that `torchrun` has started."""

    def __init__(self) -> None:
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"
        dist.init_process_group(backend, timeout=PATIENCE)
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self._left = False

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def mine(self, count: int) -> range:
        return range(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def add_up(self, tensors: list[Tensor]) -> None:
        """One exchange for all of them together."""
        self._meet()
        whole = torch.cat([tensor.flatten() for tensor in tensors])
        with _others():
            dist.all_reduce(whole)
        start = 0
        for tensor in tensors:
            part = whole[start : start + tensor.numel()]
            tensor.copy_(part.view(tensor.shape))
            start += tensor.numel()

    def agreed(self, value: T) -> T:
        self._meet()
        said: list[Any] = [value]
        with _others():
            dist.broadcast_object_list(said, src=0)
        return said[0]

    def barrier(self) -> None:
        self._meet()

    def leave(self) -> None:
        if not self._left:
            self._left = True
            self._exchange()

    def close(self) -> None:
        dist.destroy_process_group()

    def _meet(self) -> None:
        if self._exchange():
            self._left = True
            raise StopRequested

    def _exchange(self) -> bool:
        leaving = torch.tensor([float(self._left)])
        with _others():
            dist.all_reduce(leaving, op=dist.ReduceOp.MAX)
        return bool(leaving[0])


@contextmanager
def _others() -> Iterator[None]:
    """An exchange fails only where another member is no more."""
    try:
        yield
    except RuntimeError as error:
        raise TeamBroken(str(error)) from None
