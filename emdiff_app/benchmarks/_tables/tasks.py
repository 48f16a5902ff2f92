"""The three published problems, on the images at hand: what is recorded, what is true, and the published figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emdiff_app.benchmarks._common.data import cifar
from emdiff_app.benchmarks._learning.nuclei import nuclei
from emdiff_app.benchmarks.learn_inpaint import MODEL, Masked
from emdiff_app.diffusion import Batch
from emdiff_app.images import IntensityScale
from emdiff_app.physics import Imaging, ImagingModel

from .size import Size

__all__ = ["TASKS", "Published", "Scenes", "Task", "task_of"]

SIGMA = 0.1
"""0.2 in images on [-1, 1]."""
MISSING = 0.6

Published = Mapping[str, tuple[float, float, float]]
"""PSNR, LPIPS and FID of EMDiffusion's table, by row."""


@dataclass(frozen=True, eq=False)
class Scenes:
    """Images `(N, C, Y, X)` on the recorded field and what was recorded of them, NaN where nothing was."""

    truth: Tensor
    recorded: Tensor
    seen: Tensor | None = None

    def first(self, count: int) -> Scenes:
        return Scenes(
            self.truth[:count], self.recorded[:count], None if self.seen is None else self.seen[:count]
        )

    def part(self, at: slice) -> Scenes:
        return Scenes(self.truth[at], self.recorded[at], None if self.seen is None else self.seen[at])


@dataclass(frozen=True, eq=False)
class Task:
    """What to learn from, what to score on, and how both were corrupted."""

    name: str
    title: str
    model: ImagingModel
    train: Scenes
    test: Scenes
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Of the recipe: what the images ask for."""
    published: Published = field(default_factory=dict)

    def imaging(self, scenes: Scenes, device: Any = "cpu", scale: IntensityScale | None = None) -> Imaging:
        arrays = {} if scenes.seen is None else {"mask": scenes.seen.to(device)}
        shape = tuple(scenes.recorded.shape[2:])
        return self.model.bind(shape, scale=scale, device=device, arrays=arrays)

    @property
    def batch(self) -> Batch:
        """What the learners without rounds are given: the images as if noise and missing pixels were all."""
        return Batch(
            clean=self.train.truth, recorded=self.train.recorded, noise=self.model.noise.parameters()
        )

    @property
    def stack(self) -> tuple[NDArray[Any], str]:
        """What the learners by rounds are given, and its axes."""
        y = self.train.recorded.numpy()
        return (y[:, 0], "TYX") if y.shape[1] == 1 else (np.moveaxis(y, 1, -1), "TYXS")


def _inpainting(data: Path, size: Size) -> Task:
    photos, unseen = _photos(data, size)
    train, test = Masked.of(photos, MISSING, 21), Masked.of(unseen, MISSING, 22)
    return Task(
        "inpainting",
        "CIFAR-10, 60 % of the pixels missing",
        ImagingModel.model_validate(MODEL),
        Scenes(train.truth, train.recorded, train.seen),
        Scenes(test.truth, test.recorded, test.seen),
        published={
            "observations": (13.49, 0.295, 234),
            "clean": (25.44, 0.008, 7.1),
            "sure-score": (15.75, 0.182, 220),
            "ambient": (20.57, 0.027, 28.9),
            "emdiffusion": (24.70, 0.009, 21.1),
        },
    )


def _denoising(data: Path, size: Size) -> Task:
    photos, unseen = _photos(data, size)
    random = torch.Generator().manual_seed(23)
    train, test = (Scenes(x, x + SIGMA * torch.randn(x.shape, generator=random)) for x in (photos, unseen))
    return Task(
        "denoising",
        "CIFAR-10, noise of 10 % of the range (0.2 on [-1, 1])",
        ImagingModel.model_validate({"noise": {"kind": "gaussian", "sigma": SIGMA}}),
        train,
        test,
        published={
            "observations": (18.05, 0.047, 133),
            "clean": (25.91, 0.010, 7.1),
            "noise2self": (21.32, 0.227, 92.1),
            "sure-score": (22.42, 0.138, 133),
            "ambient": (21.37, 0.033, 114),
            "emdiffusion": (23.16, 0.022, 86.5),
        },
    )


def _deblurring(data: Path, size: Size) -> Task:
    """Nuclei in the place of faces: a Gaussian PSF with a standard deviation of 2 pixels."""
    train = nuclei(data, "gaussian", size.images, unseen=False, side=size.side)
    test = nuclei(data, "gaussian", size.scored, unseen=True, side=size.side)
    return Task(
        "deblurring",
        "Nuclei, blurred by a Gaussian of 2 pixels, noise of 5 % of the range",
        train.model,
        Scenes(train.truth, train.recorded),
        Scenes(test.truth, test.recorded),
        fields={"crop": size.side},
        published={
            "observations": (22.47, 0.365, 72.8),
            "clean": (29.05, 0.013, 10.2),
            "sure-score": (22.07, 0.383, 192),
            "ambient": (21.16, 0.158, 84.0),
            "emdiffusion": (23.74, 0.103, 91.9),
        },
    )


def _photos(data: Path, size: Size) -> tuple[Tensor, Tensor]:
    photos = torch.from_numpy(cifar(data / "cifar10", unseen=False)[: size.images])
    return photos, torch.from_numpy(cifar(data / "cifar10", unseen=True)[: size.scored])


_MAKERS: dict[str, Callable[[Path, Size], Task]] = {
    "inpainting": _inpainting,
    "denoising": _denoising,
    "deblurring": _deblurring,
}
TASKS = tuple(_MAKERS)


def task_of(name: str, data: Path, size: Size) -> Task:
    return _MAKERS[name](data, size)
