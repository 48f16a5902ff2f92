"""Differences of neighbouring pixels and their adjoint."""

import torch
from torch import Tensor

__all__ = ["divergence", "gradient"]


def gradient(x: Tensor) -> Tensor:
    """Forward differences along Y and X as `(2, B, C, Y, X)`; 0 at the last pixel."""
    made = x.new_zeros((2, *x.shape))
    torch.sub(x[..., 1:, :], x[..., :-1, :], out=made[0, ..., :-1, :])
    torch.sub(x[..., :, 1:], x[..., :, :-1], out=made[1, ..., :, :-1])
    return made


def divergence(p: Tensor) -> Tensor:
    """`-gradient^T`."""
    down, right = p[0][..., :-1, :], p[1][..., :, :-1]
    made = torch.zeros_like(p[0])
    made[..., :-1, :] += down
    made[..., 1:, :] -= down
    made[..., :, :-1] += right
    made[..., :, 1:] -= right
    return made
