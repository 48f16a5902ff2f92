"""How many crops fit into memory at once, how to tell that they did not, and how what was freed is used again."""

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock

import psutil
import torch
from torch import Tensor

__all__ = [
    "bytes_saved",
    "fitting",
    "free_bytes",
    "is_out_of_memory",
    "reused",
]

SHARE = 0.6
"""Of the free memory; the rest is for gradients, workspaces and other programs."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Numbers of `mallopt`."""
_MOST_KEPT, _USUALLY_KEPT = 2**30, 2**25
"""The second is what the library itself allows at most."""
_reusing, _counting = 0, Lock()


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


@contextmanager
def reused() -> Iterator[None]:
    """Within it, what is freed is kept and used again.

    The C library of Linux asks the system for every large block and hands it back at once. The system fills all of
    it with zeros first, and an evaluation of a large image spends up to half of its time on that.
    """
    global _reusing
    with _counting:
        _reusing += 1
        if _reusing == 1:
            _allow(_MOST_KEPT, _MOST_KEPT)
    try:
        yield
    finally:
        with _counting:
            _reusing -= 1
            if not _reusing:
                _allow(_USUALLY_KEPT, 2 * _USUALLY_KEPT)
                _give_back()


def _give_back() -> None:
    """Return to the system what was freed and is kept, scattered between what is still in use: from plane to plane of a
    large stack a process would grow to several times what it needs.
    """
    if (library := _c_library()) is not None:
        library.malloc_trim(0)


def _allow(block: int, free: int) -> None:
    """Let blocks up to so many bytes be kept when they are freed, and so many in all at the end of the heap."""
    library = _c_library()
    if library is not None and not any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        library.mallopt(_M_MMAP_THRESHOLD, block)
        library.mallopt(_M_TRIM_THRESHOLD, free)


@cache
def _c_library() -> ctypes.CDLL | None:
    """That of GNU; others have no such calls."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None


def fitting(wanted: int, each: int, free: int) -> int:
    """The most images, `wanted` at most and one at least, whose `each` bytes fit into `free`."""
    return max(1, min(wanted, int(SHARE * free) // max(each, 1)))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, in the words of any device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    words = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in words or "can't allocate memory" in words)
