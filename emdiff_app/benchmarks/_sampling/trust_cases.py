"""Restorations of which it is known whether they deserve trust: twelve that do and twelve with a planted fault.

Each case is what a user would hand in: a prior, an imaging model as *said*, and recorded images. What really
happened to the images is another imaging model, another image, or something done to the file afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
import torch
from torch import Tensor

from emdiff_app.diffusion import LearnedPrior
from emdiff_app.physics import Imaging, ImagingModel

__all__ = [
    "CAMERA",
    "FAULTS",
    "MARGIN",
    "SIDE",
    "Case",
    "Specimens",
    "bound_to",
    "planted_cases",
    "sound_cases",
]

SIDE = 64
MARGIN = 16
Model = dict[str, Any]
CAMERA: Model = {"kind": "poisson-gaussian", "offset": 0, "gain": 0.05, "read_noise": 0.02}
BLUR: Model = {"kind": "blur", "psf": {"kind": "gaussian", "fwhm_px": 4.7}}
MODELS: dict[str, Model] = {
    "camera noise": {"noise": CAMERA},
    "a brighter camera": {"noise": {**CAMERA, "gain": 0.02, "read_noise": 0.01}},
    "even noise": {"noise": {"kind": "gaussian", "sigma": 0.1}},
    "blur": {"operator": [BLUR], "noise": {"kind": "gaussian", "sigma": 0.01}},
    "blur and camera noise": {"operator": [BLUR], "noise": {**CAMERA, "gain": 0.01}},
    "missing pixels": {
        "operator": [{"kind": "mask", "missing": 0.4, "seed": 1}],
        "noise": {"kind": "gaussian", "sigma": 0.03},
    },
}
Specimens = Mapping[str, Tensor]
"""Clean crops (B, 1, SIDE + 2 MARGIN, same) of `mito` and `nuclei`, unseen by their priors; `stack`: SIDE of mito."""


@dataclass(frozen=True, eq=False)
class Case:
    """One restoration to judge; `fault` is what is wrong with it, empty where nothing is."""

    name: str
    fault: str
    prior: LearnedPrior
    said: Imaging
    recorded: Tensor


def sound_cases(priors: Mapping[str, LearnedPrior], specimens: Specimens, seed: int) -> list[Case]:
    """Six corruptions of two kinds of images, all as the model says."""
    return [
        Case(
            f"{kind}, {name}", "", priors[kind], bound(model), recorded(model, specimens[kind], seed + number)
        )
        for number, (name, model) in enumerate(MODELS.items())
        for kind in priors
    ]


def planted_cases(priors: Mapping[str, LearnedPrior], specimens: Specimens, seed: int) -> list[Case]:
    """The twelve faults, on both kinds of images in turn; those of the PSF on nuclei, of which the prior knows more."""
    kinds = ["nuclei" if "PSF" in fault or not number % 2 else "mito" for number, fault in enumerate(FAULTS)]
    return [
        plant(fault, priors, specimens, kind, seed + 100 + number)
        for number, (kind, (fault, plant)) in enumerate(zip(kinds, FAULTS.items(), strict=True))
    ]


def bound_to(name: str) -> Imaging:
    """The corruption of this name."""
    return bound(MODELS[name])


def bound(model: Model) -> Imaging:
    return ImagingModel.model_validate(model).bind((SIDE, SIDE))


def recorded(model: Model, whole: Tensor, seed: int) -> Tensor:
    """What is recorded of the middle of the specimens; the light from beyond is real."""
    imaging = bound(model)
    cut = [(n - d) // 2 for n, d in zip(whole.shape[2:], imaging.domain, strict=True)]
    rows, columns = (slice(c, c + d) for c, d in zip(cut, imaging.domain, strict=True))
    return imaging.simulate(whole[..., rows, columns], seed)


def _said_and_done(said: Model, done: Model) -> Callable[..., Case]:
    """The user says one imaging model, and another one recorded the images."""

    def plant(
        fault: str, priors: Mapping[str, LearnedPrior], specimens: Specimens, kind: str, seed: int
    ) -> Case:
        return Case(kind, fault, priors[kind], bound(said), recorded(done, specimens[kind], seed))

    return plant


def _altered(model: Model, change: Callable[[Tensor], Tensor]) -> Callable[..., Case]:
    """Something was done to the recorded images."""

    def plant(
        fault: str, priors: Mapping[str, LearnedPrior], specimens: Specimens, kind: str, seed: int
    ) -> Case:
        return Case(kind, fault, priors[kind], bound(model), change(recorded(model, specimens[kind], seed)))

    return plant


def _other_specimen(change: Callable[[Tensor], Tensor]) -> Callable[..., Case]:
    """The specimen itself is not what it should be."""

    def plant(
        fault: str, priors: Mapping[str, LearnedPrior], specimens: Specimens, kind: str, seed: int
    ) -> Case:
        model = MODELS["camera noise"]
        return Case(kind, fault, priors[kind], bound(model), recorded(model, change(specimens[kind]), seed))

    return plant


def _wrong_prior(
    fault: str, priors: Mapping[str, LearnedPrior], specimens: Specimens, kind: str, seed: int
) -> Case:
    model = MODELS["a brighter camera"]
    return Case("mito", fault, priors["nuclei"], bound(model), recorded(model, specimens["mito"], seed))


def _noise(factor: float) -> Model:
    """Camera noise of `factor` times the standard deviation."""
    return {
        "noise": {**CAMERA, "gain": CAMERA["gain"] * factor**2, "read_noise": CAMERA["read_noise"] * factor}
    }


def _psf(factor: float) -> Model:
    psf = {"kind": "gaussian", "fwhm_px": BLUR["psf"]["fwhm_px"] * factor}
    return {"operator": [{"kind": "blur", "psf": psf}], "noise": MODELS["blur"]["noise"]}


def _pasted(whole: Tensor) -> Tensor:
    """A grid of bright bars, 24 pixels wide, in every image."""
    strange = whole.clone()
    start = MARGIN + 14
    part = slice(start, start + 24)
    bars = (torch.arange(24) % 6 < 3).to(whole.dtype)
    strange[..., part, part] = 0.9 * torch.maximum(bars[:, None], bars)
    return strange


def _saturated(y: Tensor) -> Tensor:
    """The brightest twentieth is cut off."""
    return y.clamp(max=float(torch.quantile(y, 0.95)))


def _smoothed(y: Tensor) -> Tensor:
    """Denoised before, with a Gaussian filter of one pixel."""
    from scipy.ndimage import gaussian_filter

    return torch.from_numpy(gaussian_filter(y.numpy(), (0, 0, 1, 1)))


def _compressed(y: Tensor) -> Tensor:
    """8 bit, JPEG at quality 75, and back."""
    low, high = float(y.min()), float(y.max())
    grey = ((y.numpy() - low) / (high - low) * 255 + 0.5).astype(np.uint8)
    back = np.stack([imagecodecs.jpeg_decode(imagecodecs.jpeg_encode(p[0], level=75)) for p in grey])
    return torch.from_numpy(back.astype(np.float32)[:, None] / 255 * (high - low) + low)


def _wrong_axes(
    fault: str, priors: Mapping[str, LearnedPrior], specimens: Specimens, kind: str, seed: int
) -> Case:
    """A stack (Z, Y, X) read as (Y, Z, X): each plane holds one row of every plane that was recorded."""
    model = MODELS["camera noise"]
    stack = recorded(model, specimens["stack"], seed)
    rows = [SIDE // 4, SIDE // 2, 3 * SIDE // 4]
    return Case(
        "mito", fault, priors["mito"], bound(model), stack[:, :, rows].permute(2, 1, 0, 3).contiguous()
    )


def _nothing(whole: Tensor) -> Tensor:
    return torch.full_like(whole, 0.05)


FAULTS: dict[str, Callable[..., Case]] = {
    "noise under-estimated by 2": _said_and_done(_noise(0.5), _noise(1.0)),
    "noise over-estimated by 2": _said_and_done(_noise(2.0), _noise(1.0)),
    "PSF 30 % too wide": _said_and_done(_psf(1.3), _psf(1.0)),
    "PSF 30 % too narrow": _said_and_done(_psf(0.7), _psf(1.0)),
    "nuclei prior on mitochondria": _wrong_prior,
    "foreign structure pasted in": _other_specimen(_pasted),
    "saturated": _altered(MODELS["a brighter camera"], _saturated),
    "offset forgotten": _altered(MODELS["camera noise"], lambda y: y + 0.25),
    "denoised before": _altered(MODELS["camera noise"], _smoothed),
    "wrong axis order": _wrong_axes,
    "JPEG": _altered(MODELS["a brighter camera"], _compressed),
    "empty": _other_specimen(_nothing),
}
