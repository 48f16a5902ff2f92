"""How many crops fit into memory at once, and how to tell that they did not."""

import ctypes
import sys
from collections.abc import Callable
from contextlib import suppress

import psutil
import torch
from torch import Tensor

__all__ = ["bytes_saved", "fitting", "free_bytes", "give_back", "is_out_of_memory"]

SHARE = 0.6
"""Of the free memory; the rest is for gradients, workspaces and other programs."""


def free_bytes(device: torch.device) -> int:
    """Memory that can still be taken on the device."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    return int(psutil.virtual_memory().available)


def bytes_saved(loss: Callable[[], Tensor]) -> int:
    """What `loss()` keeps for its backward pass: counted, not guessed."""
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        alive = loss()
    del alive
    return sum(kept.values())


def give_back() -> None:
    """Return to the system what was freed. The C library of Linux keeps it, scattered between what is still in use:
    from plane to plane of a large stack a process would grow to several times what it needs.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # other C libraries have no such call, and no need of it
            ctypes.CDLL(None).malloc_trim(0)


def fitting(wanted: int, each: int, free: int) -> int:
    """The most images, `wanted` at most and one at least, whose `each` bytes fit into `free`."""
    return max(1, min(wanted, int(SHARE * free) // max(each, 1)))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, in the words of any device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    words = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in words or "can't allocate memory" in words)
