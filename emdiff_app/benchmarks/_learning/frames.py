"""Real widefield frames with the mean of 400 of them as their truth, and how a result is scored against it."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emdiff_app.images import open_stack, stack_from_array
from emdiff_app.images.score import fit_affine, psnr, ssim
from emdiff_app.physics import Imaging, ImagingModel, NoiseSpec, bind_noise, estimate_noise

__all__ = ["Fields", "affine_errors", "noises", "scored_row"]

TEACHING, SCORED = 24, 6
"""Fields 1 to 24 to learn from, 25 to 30 to score."""

Row = dict[str, Any]


class Fields:
    """The noisy frames, their truth, and the noise of each as the frame itself shows it."""

    def __init__(self, data: Path, channel: int) -> None:
        names = sorted((data / "w2s" / "noisy").glob(f"*_{channel}.tif"))
        teaching, scored = names[:TEACHING], names[TEACHING : TEACHING + SCORED]
        self.teaching = _planes(teaching)
        self.noisy = _planes(scored)
        self.clean = _planes([data / "w2s" / "clean" / path.name for path in scored])
        self.noises = noises(self.noisy)
        self.model = ImagingModel(noise=noises(self.teaching[:1])[0])

    @property
    def y(self) -> Tensor:
        return torch.from_numpy(self.noisy)[:, None].float()

    @property
    def truth(self) -> Tensor:
        return torch.from_numpy(self.clean)[:, None].float()

    @property
    def imaging(self) -> Imaging:
        plain = self.model.bind(self.noisy.shape[1:])
        return Imaging(plain.operator, bind_noise(self.noises))


def affine_errors(made: Tensor, truth: Tensor) -> Tensor:
    """The mean square error of each image after the best gain and offset."""
    pairs = zip(made[:, 0].numpy(), truth[:, 0].numpy(), strict=True)
    return torch.tensor([float(np.mean((fit_affine(a, b) - b) ** 2)) for a, b in pairs])


def noises(planes: NDArray[Any]) -> list[NoiseSpec]:
    """The noise of each plane, measured on it alone."""
    return [estimate_noise(stack_from_array(plane, "YX"), repeats=False).model for plane in planes]


def scored_row(title: str, made: Tensor, truth: Tensor, words: str = "") -> Row:
    pairs = [(fit_affine(a, b), b) for a, b in zip(made[:, 0].numpy(), truth[:, 0].numpy(), strict=True)]
    return {
        "title": title,
        "psnr": float(np.mean([psnr(a, b) for a, b in pairs])),
        "ssim": float(np.mean([ssim(a, b, data_range=float(np.ptp(b))) for a, b in pairs])),
        "words": words,
        "made": datetime.date.today().isoformat(),
    }


def _planes(paths: list[Path]) -> NDArray[Any]:
    planes = []
    for path in paths:
        with open_stack(path) as stack:
            planes.append(stack.plane(next(iter(stack.plane_indices()))))
    return np.stack(planes)
