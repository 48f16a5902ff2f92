"""A device that is not there: tensors on it are of the processor, but refuse to be mixed with those that are not.

What it has no float64 for, and what must be brought back before numpy sees it, is refused as by an Apple GPU.
"""

import torch
from torch.overrides import TorchFunctionMode

NAME = torch.device("mps")
MOVES = {"__setitem__", "copy_", "__getitem__", "index_put_"}
"""These take tensors of the processor beside their own."""


class Elsewhere(torch.Tensor):
    """A tensor on that device."""


class AnotherDevice(TorchFunctionMode):
    """Within it, `torch.device("mps")` is there. Weights count as being wherever they are needed."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs, name = dict(kwargs or {}), getattr(func, "__name__", "")
        first = args[0] if args else None
        if func == torch.Tensor.device.__get__:
            return NAME if isinstance(first, Elsewhere | torch.nn.Parameter) else func(first)
        if func is torch.Tensor.cpu:
            return first.as_subclass(torch.Tensor)
        if func is torch.Tensor.numpy and isinstance(first, Elsewhere):
            raise TypeError("can't convert a tensor of this device to numpy; use Tensor.cpu() first")
        if func is torch.Tensor.to:
            return moved(first, args[1:], kwargs)
        here = wanted(kwargs.pop("device", None))
        tensors = [t for t in flat((args, kwargs)) if isinstance(t, torch.Tensor)]
        away = [isinstance(t, Elsewhere) for t in tensors]
        loose = [t for t in tensors if t.ndim and not isinstance(t, Elsewhere | torch.nn.Parameter)]
        if any(away) and loose and name not in MOVES:
            raise RuntimeError(f"Expected all tensors to be on the same device ({name})")
        found = func(*args, **kwargs)
        if here is NAME or (any(away) and name not in ("as_subclass", "cpu")):
            found = sent(found)
        return found


def moved(tensor, args, kwargs):
    """What `Tensor.to` gives."""
    names = [*args, kwargs.pop("device", None)]
    to = next((n for n in names if isinstance(n, torch.device | str | torch.Tensor)), None)
    rest = [n for n in args if n is not to]
    if isinstance(to, torch.Tensor):
        rest = [to.dtype]
        to = NAME if isinstance(to, Elsewhere) else torch.device("cpu")
    if isinstance(tensor, torch.nn.Parameter):
        return tensor
    away = isinstance(tensor, Elsewhere) if to is None else wanted(to) is NAME
    changed = tensor.as_subclass(torch.Tensor)
    changed = changed.to(*rest, **kwargs) if rest or kwargs else changed
    return sent(changed) if away else changed


def wanted(device):
    return NAME if device is not None and torch.device(device).type == NAME.type else device


def sent(found):
    """The result of a function, on the device."""
    if isinstance(found, torch.Tensor):
        if found.dtype in (torch.float64, torch.complex128):
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        return found.as_subclass(Elsewhere)
    if isinstance(found, tuple | list):
        parts = [sent(part) for part in found]
        return type(found)(*parts) if hasattr(found, "_fields") else type(found)(parts)
    return found


def flat(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, tuple | list):
        for part in value:
            yield from flat(part)
    else:
        yield value
