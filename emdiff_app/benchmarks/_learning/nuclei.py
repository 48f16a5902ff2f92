"""Nuclei, blurred and made noisy by simulation: what `learn-deblur` and `learn-cost` learn from and score on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emdiff_app.images import open_stack
from emdiff_app.physics import Imaging, ImagingModel

__all__ = ["NOISES", "Recordings", "nuclei"]

SIDE = 96
FWHM_PX = 4.7
NOISES: dict[str, dict[str, Any]] = {
    "gaussian": {"kind": "gaussian", "sigma": 0.05},
    "poisson": {"kind": "poisson-gaussian", "offset": 0.0, "gain": 1 / 50, "read_noise": 0.0},
}
"""5 % of the range; 50 photons at the peak."""
LEVELS = 60
"""Images of fewer grey levels are too coarse and noisy themselves to be the truth."""
SOMETHING = 0.15
"""Crops of a smaller standard deviation are mostly background."""
EVERY = 10
"""Every tenth image is kept unseen by training."""


@dataclass(frozen=True, eq=False)
class Recordings:
    """Clean images `(N, 1, Y, X)` in [0, 1.2] on the recorded field, and what was recorded of them."""

    model: ImagingModel
    imaging: Imaging
    truth: Tensor
    recorded: Tensor

    def first(self, count: int) -> Recordings:
        return Recordings(self.model, self.imaging, self.truth[:count], self.recorded[:count])


def nuclei(data: Path, noise: str, count: int, *, unseen: bool, side: int | None = None) -> Recordings:
    """`count` random crops; the light that falls onto them from beyond their borders is real.

    Fewer are the first of more. Crops to learn from and `unseen` ones come from different images.
    """
    psf = {"kind": "gaussian", "fwhm_px": FWHM_PX}
    model = ImagingModel.model_validate({"operator": [{"kind": "blur", "psf": psf}], "noise": NOISES[noise]})
    side = side or SIDE
    imaging = model.bind((side, side))
    planes = _planes(data / "dsb2018_nuclei", unseen=unseen)
    x = torch.from_numpy(_crops(planes, imaging.domain[0], count, seed=11 if unseen else 10))
    return Recordings(model, imaging, imaging.crop(x), imaging.simulate(x, 13 if unseen else 12))


def _planes(folder: Path, *, unseen: bool) -> list[NDArray[np.float32]]:
    """The images that are bright enough, each stretched to its own range."""
    planes = []
    for number, path in enumerate(sorted(folder.glob("*.png"))):
        if (number % EVERY == 0) != unseen:
            continue
        with open_stack(path) as stack:
            plane = stack.plane(next(iter(stack.plane_indices()))).astype(np.float32)
        low, high = np.percentile(plane, [0.1, 99.9])
        if high - low >= LEVELS:
            planes.append(np.clip((plane - low) / (high - low), 0, 1.2).astype(np.float32))
    return planes


def _crops(planes: list[NDArray[np.float32]], side: int, count: int, seed: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    crops: list[NDArray[np.float32]] = []
    while len(crops) < count:
        plane = planes[rng.integers(len(planes))]
        row, column = (int(rng.integers(n - side + 1)) for n in plane.shape)
        crop = plane[row : row + side, column : column + side]
        if crop.std() >= SOMETHING:
            crops.append(crop)
    return np.stack(crops)[:, None]
