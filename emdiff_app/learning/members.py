"""A team of processes on one or many machines: torch's process group, and an agreement on when to stop.

Members meet often: at every step of the training, and wherever one waits for another. One that wants to stop, since
it was the first to see the request, says so at the next meeting, so that nobody waits for it in vain.
"""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from .runs.control import StopRequested
from .team import TeamBroken

__all__ = ["Members"]

T = TypeVar("T")
PATIENCE = timedelta(days=30)
"""A paused run waits for long; a member that has died is noticed at once, by its closed connection."""


class Members:
    """This process among those that `torchrun` has started."""

    def __init__(self) -> None:
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"
        store, self.rank, self.size = next(rendezvous("env://", timeout=PATIENCE))
        store = PrefixStore(_name_of_attempt(store, self.rank, self.size), store)
        dist.init_process_group(backend, store=store, rank=self.rank, world_size=self.size, timeout=PATIENCE)
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


def _name_of_attempt(store: Store, rank: int, size: int) -> str:
    """One name for this start of all members, which none before had: in the store lie the addresses of the dead.

    Each says hello under a new name; the leader names those that it has heard, again and again, until every one of
    them has answered to just this leader. No dead member can do that.
    """
    own = uuid.uuid4().hex
    if rank > 0:
        store.set(f"hello {rank}", own)
        while True:
            leader, *heard = _said(store, "heard").split() or [""]
            if own in heard:
                store.set(f"answer {rank}", leader)
                return leader
            time.sleep(0.05)
    others = range(1, size)
    while any(_said(store, f"answer {other}") != own for other in others):
        store.set("heard", " ".join([own, *(_said(store, f"hello {other}") for other in others)]))
        time.sleep(0.05)
    return own


def _said(store: Store, key: str) -> str:
    return store.get(key).decode() if store.check([key]) else ""


@contextmanager
def _others() -> Iterator[None]:
    """An exchange fails only where another member is no more."""
    try:
        yield
    except RuntimeError as error:
        raise TeamBroken(str(error)) from None
