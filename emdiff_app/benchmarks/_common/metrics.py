"""How close images are to the truth, one by one and as a crowd.

PSNR and SSIM compare image by image. The sliced Wasserstein distance of patches compares what the crowd
looks like and needs no downloaded weights: patches are projected on random directions, and sorted values
compared. LPIPS and FID, which need weights, are in `_perceptual.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emdiff_app.images.score import psnr, ssim

__all__ = ["mean_psnr", "mean_ssim", "sliced_wasserstein"]

PATCH = 7


def mean_psnr(made: Tensor, truth: Tensor, span: float = 1.0) -> float:
    """The mean over images of `10 log10(span^2 / mse)`."""
    return float(np.mean([psnr(a, b, data_range=span) for a, b in _pairs(made, truth)]))


def mean_ssim(made: Tensor, truth: Tensor, span: float = 1.0) -> float:
    """The mean over images and channels."""
    return float(
        np.mean(
            [ssim(a, b, data_range=span) for m, t in _pairs(made, truth) for a, b in zip(m, t, strict=True)]
        )
    )


def sliced_wasserstein(made: Tensor, truth: Tensor, directions: int = 128, seed: int = 0) -> float:
    """The distance of the patches of two sets of equally many images: 0 where they look alike."""
    rng = torch.Generator().manual_seed(seed)
    a, b = (_patches(images) for images in (made, truth))
    chosen = torch.randperm(len(a), generator=rng)[:20_000]
    onto = torch.randn(a.shape[1], directions, generator=rng)
    onto = onto / onto.norm(dim=0)
    one, other = ((p[chosen] @ onto).sort(0).values for p in (a, b))
    return float((one - other).abs().mean())


def _patches(images: Tensor) -> Tensor:
    unfolded = torch.nn.functional.unfold(images, PATCH, stride=2)
    return unfolded.transpose(1, 2).reshape(-1, unfolded.shape[1])


def _pairs(made: Tensor, truth: Tensor) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    return [(a.numpy(), b.numpy()) for a, b in zip(made.double(), truth.double(), strict=True)]
