"""Where to compute."""

import torch

__all__ = ["device_for"]


def device_for(wish: str) -> torch.device:
    """The device that was asked for; for `auto` the best that torch can use here."""
    if wish != "auto":
        return torch.device(wish)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
