"""Where to compute."""

import torch

from emdiff_app.errors import EMDiffError

__all__ = ["device_for"]

KNOWN = {"cpu": "processor", "cuda": "NVIDIA GPU", "mps": "Apple GPU"}


def device_for(wish: str) -> torch.device:
    """The device that was asked for; for `auto` the best that torch can use here."""
    if wish == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kind, _, number = wish.partition(":")
    if kind not in KNOWN or (number and not number.isdecimal()):
        raise EMDiffError(
            f"There is no device called {wish!r}, so nothing was started; use auto, {', '.join(KNOWN)}."
        )
    if int(number or 0) >= _count(kind):
        raise EMDiffError(
            f"PyTorch finds no {KNOWN[kind]} for the device {wish} on this computer, so nothing was started; use the "
            "device auto or cpu, or ask `emdiff doctor` why."
        )
    return torch.device(wish)


def _count(kind: str) -> int:
    if kind == "cuda":
        return torch.cuda.device_count() if torch.cuda.is_available() else 0
    return int(kind == "cpu" or torch.backends.mps.is_available())
