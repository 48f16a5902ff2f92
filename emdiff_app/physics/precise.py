"""Sums over many pixels in twice the precision, on whatever device they are."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["doubled"]


def doubled(values: Tensor) -> Tensor:
    """In float64: where they are, or on the processor where the device (Apple's) has no such numbers."""
    return (values.cpu() if values.device.type == "mps" else values).to(torch.float64)
