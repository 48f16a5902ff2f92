"""How good restored images are: the figures of every table, for one sample and for the mean of several."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emdiff_app.benchmarks._common.metrics import mean_psnr, mean_ssim, sliced_wasserstein
from emdiff_app.benchmarks._common.perceptual import fid, lpips

__all__ = ["Figures", "figures", "of_draws", "packed", "unpacked"]

Figures = dict[str, Any]
SHOWN = 6
"""Images in the picture grids."""


def figures(made: Tensor, truth: Tensor, weights: Path | None = None) -> Figures:
    """Of images on [0, 1]. LPIPS and FID are words where they cannot be measured."""
    count = len(truth)
    return {
        "psnr": mean_psnr(made, truth.repeat(len(made) // count, 1, 1, 1)),
        "ssim": mean_ssim(made, truth.repeat(len(made) // count, 1, 1, 1)),
        "patches": sliced_wasserstein(made[:count], truth),
        "lpips": lpips(made[:count], truth, weights),
        "fid": fid(made[:count], truth, weights),
    }


def of_draws(draws: Tensor, truth: Tensor, weights: Path | None = None) -> dict[str, Any]:
    """Of samples `(K, N, C, Y, X)`; PSNR and SSIM of one sample are means over all of them."""
    return {
        "one": figures(draws.flatten(0, 1), truth, weights),
        "mean": figures(draws.mean(0), truth, weights) if len(draws) > 1 else None,
        "pictures": {"one": packed(draws[0]), "mean": packed(draws.mean(0)) if len(draws) > 1 else None},
    }


def packed(images: Tensor) -> dict[str, Any]:
    """The first of them, to be kept in JSON."""
    pixels = (255 * images[:SHOWN].clamp(0, 1)).round().to(torch.uint8).cpu().numpy()
    return {"shape": list(pixels.shape), "pixels": base64.b64encode(pixels.tobytes()).decode()}


def unpacked(kept: dict[str, Any]) -> NDArray[np.uint8]:
    """`(N, C, Y, X)`."""
    return np.frombuffer(base64.b64decode(kept["pixels"]), np.uint8).reshape(kept["shape"])
