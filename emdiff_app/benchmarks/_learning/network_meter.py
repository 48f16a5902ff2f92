"""How long the network itself computes, and how much it is asked for, while something else runs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules import module as modules

from emdiff_app.diffusion import UNet

__all__ = ["NetworkMeter", "metered"]


@dataclass
class NetworkMeter:
    """Seconds in the network, there and back, and passes of one image: 1 forward, 2 back."""

    seconds: float = 0.0
    passes: float = 0.0
    _began: float = 0.0


@contextlib.contextmanager
def metered() -> Iterator[NetworkMeter]:
    """Measure every UNet, and every gradient, in the block. For the CPU, where a call ends when its work does."""
    meter = NetworkMeter()

    def before(network: Any, _: Any) -> None:
        if isinstance(network, UNet):
            meter._began = time.perf_counter()

    def after(network: Any, given: Any, answer: Any) -> None:
        if not isinstance(network, UNet):
            return
        meter.seconds += time.perf_counter() - meter._began
        images = len(given[0])
        meter.passes += images
        first = answer if isinstance(answer, Tensor) else answer[0]
        if first.requires_grad:
            first.register_hook(_counting(meter, 2 * images))

    hooks = [
        modules.register_module_forward_pre_hook(before),
        modules.register_module_forward_hook(after),
    ]
    plain = torch.autograd.grad, torch.autograd.backward
    torch.autograd.grad, torch.autograd.backward = (_timed(meter, call) for call in plain)
    try:
        yield meter
    finally:
        torch.autograd.grad, torch.autograd.backward = plain
        for hook in hooks:
            hook.remove()


def _timed(meter: NetworkMeter, call: Callable[..., Any]) -> Callable[..., Any]:
    def timed(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return call(*args, **kwargs)
        finally:
            meter.seconds += time.perf_counter() - began

    return timed


def _counting(meter: NetworkMeter, passes: float) -> Callable[[Tensor], None]:
    def hook(gradient: Tensor) -> None:
        meter.passes += passes

    return hook
