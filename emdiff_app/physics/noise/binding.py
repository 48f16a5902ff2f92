"""Noise that differs from image to image: one value of each parameter for every image of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .parameters import NoiseParameters
from .specs import GaussianNoise, PoissonGaussianNoise

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["NOISE_ARRAYS", "bind_noise", "with_arrays"]

NOISE_ARRAYS = {"offset": "offset", "gain": "gain", "read_noise": "read_noise", "sigma": "read_noise"}
"""What arrays that come with images may be called, and the parameter that each of them replaces."""


def bind_noise(
    specs: Sequence[GaussianNoise | PoissonGaussianNoise], ndim: int = 4, **where: Any
) -> NoiseParameters:
    """One noise per image of a batch with `ndim` axes; kinds may be mixed. `where`: dtype and device."""
    import torch

    own = [spec.parameters() for spec in specs]
    shape = (len(own),) + (1,) * (ndim - 1)
    return NoiseParameters(
        *(
            torch.tensor([float(getattr(p, name)) for p in own], **where).reshape(shape)
            for name in ("offset", "gain", "read_noise")
        )
    )


def with_arrays(noise: NoiseParameters, arrays: Mapping[str, Tensor], **where: Any) -> NoiseParameters:
    """`noise` with those parameters replaced that came with the images. `where`: dtype and device."""
    own = {NOISE_ARRAYS[name]: value.to(**where) for name, value in arrays.items() if name in NOISE_ARRAYS}
    return replace(noise, **own)
