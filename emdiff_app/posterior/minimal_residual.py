"""GMRES for a batch of images: the smallest residual within the span of `b, K b, K^2 b, ...`.

For systems whose K is not symmetric, such as those with the derivative of a network: conjugate gradients, which
rely on symmetry, then make the residual larger, up to ten times at high noise levels. Each image has numbers of
its own.
"""

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["minimal_residual"]

RIDGE = 1e-12
"""Keeps the small systems solvable where fewer directions than steps exist."""


def minimal_residual(K: Callable[[Tensor], Tensor], b: Tensor, *, iterations: int) -> Tensor:
    """`argmin ||b - K v||` over `iterations` directions, orthonormal by Arnoldi's recursion."""
    size = _norm(b)
    basis = [b / _along(size, b)]
    hessenberg = b.new_zeros(len(b), iterations + 1, iterations, dtype=_precise(b))
    for n in range(iterations):
        image = K(basis[n])
        for m, known in enumerate(basis):
            share = (image * known).flatten(1).sum(1)
            hessenberg[:, m, n] = share
            image = image - _along(share, b) * known
        size_left = _norm(image)
        hessenberg[:, n + 1, n] = size_left
        basis.append(image / _along(size_left, b))
    goal = torch.zeros_like(hessenberg[:, :, :1])
    goal[:, 0, 0] = size
    square = hessenberg.mT @ hessenberg
    scale = square.diagonal(dim1=1, dim2=2).mean(1).clamp_min(torch.finfo(b.dtype).tiny)
    ridge = RIDGE * scale[:, None, None] * torch.eye(iterations, dtype=square.dtype, device=b.device)
    shares = torch.linalg.solve_ex(square + ridge, hessenberg.mT @ goal)[0].to(b)
    return sum((_along(shares[:, n, 0], b) * basis[n] for n in range(iterations)), torch.zeros_like(b))


def _precise(b: Tensor) -> torch.dtype:
    """Float64, which Apple's devices have not."""
    return torch.float32 if b.device.type == "mps" else torch.float64


def _norm(v: Tensor) -> Tensor:
    """One an image, not zero; squares of small numbers would be none in single precision."""
    size = torch.linalg.vector_norm(v.flatten(1), dim=1, dtype=_precise(v))
    return size.to(v).clamp_min(torch.finfo(v.dtype).tiny)


def _along(numbers: Tensor, like: Tensor) -> Tensor:
    return numbers.reshape(-1, *[1] * (like.ndim - 1)).to(like)
