"""Noise whose parameters differ from image to image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from .noise import NoiseParameters
from .operators.building import Surroundings

__all__ = ["bind_noise_arrays"]


def bind_noise_arrays(
    noise: NoiseParameters, arrays: Mapping[str, Tensor], here: Surroundings
) -> NoiseParameters:
    """`noise` with those parameters replaced that came with the images; `sigma` is Gaussian noise's read
    noise.
    """
    own = {
        {"sigma": "read_noise"}.get(name, name): value.to(here.device, here.dtype)
        for name, value in arrays.items()
        if name in ("offset", "gain", "read_noise", "sigma")
    }
    return replace(noise, **own)
