"""Denoisers for white Gaussian noise of variance one, made fit for photon noise by Anscombe's transform."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emdiff_app.physics import Anscombe

from .recorded import Recorded

__all__ = ["denoise_stabilised"]


def denoise_stabilised(recorded: Recorded, denoise: Callable[[NDArray[np.float64]], NDArray[Any]]) -> Tensor:
    """`f^-1(denoise(f(y)))` plane by plane, with f^-1 the exact unbiased inverse; for Gaussian noise f divides."""
    made = torch.empty_like(recorded.y)
    for number, image in enumerate(recorded.y):
        transform = Anscombe(recorded.noise_of(number))
        for channel, plane in enumerate(image):
            stable = transform.forward(plane.numpy().astype(np.float64))
            level = transform.inverse(np.asarray(denoise(stable), np.float64))
            made[number, channel] = torch.from_numpy(level).to(made)
    return made
