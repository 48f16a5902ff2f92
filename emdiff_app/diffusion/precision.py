"""Whether half precision pays on this machine: timed, since neither names nor flags of processors tell."""

import time
from collections.abc import Callable, Hashable

import torch

__all__ = ["bfloat16_pays", "has_bfloat16"]

GAIN = 1.15
"""It must be this much faster: half precision is taken for speed and for nothing else."""
REPEATS = 6

_known: dict[Hashable, bool] = {}


def has_bfloat16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16 itself; emulation is never worth a try."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        native = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(bool(getattr(torch.cpu, name, bool)()) for name in native)
    return False


def bfloat16_pays(
    device: torch.device,
    work: Callable[[bool], object],
    key: Hashable,
    *,
    clock: Callable[[], float] | None = None,
) -> bool:
    """Do `work(half)` both ways in turn, and compare the best times. Asked once for each `key`.

    On a processor it is the time of this program alone that counts, so that other programs cannot decide.
    """
    if not has_bfloat16(device):
        return False
    if key not in _known:
        tick = clock or _clock(device)
        best: dict[bool, float] = {}
        for repeat in range(REPEATS + 1):
            for half in (False, True):
                start = tick()
                work(half)
                spent = tick() - start
                if repeat:  # the first time, everything is set up
                    best[half] = min(spent, best.get(half, spent))
        _known[key] = best[False] > GAIN * best[True]
    return _known[key]


def _clock(device: torch.device) -> Callable[[], float]:
    if device.type != "cuda":
        return time.process_time

    def tick() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return tick
