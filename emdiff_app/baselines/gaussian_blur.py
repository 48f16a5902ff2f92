"""The Gaussian blur: the simplest denoiser, and often not a bad one."""

import torch
from scipy import ndimage
from torch import Tensor

from .recorded import Recorded
from .registry import Parameter, register

__all__ = ["gaussian_blur"]


@register(
    "gaussian-blur",
    "Averages neighbouring pixels: less noise, less detail.",
    handles=("missing pixels",),
    sigma=Parameter(
        1.0, "Width in pixels.", (0.0, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.3, 2.6, 3.0, 3.5)
    ),
)
def gaussian_blur(recorded: Recorded, *, sigma: float) -> Tensor:
    """`G (m y) / (G m)`: each pixel is the weighted mean of the recorded ones (m = 1) around it."""
    smooth = _smooth(recorded.filled, sigma)
    if bool(recorded.seen.all()):
        return smooth
    weight = _smooth(recorded.seen.to(recorded.y.dtype), sigma)
    nearest = recorded.imaging.initial(recorded.filled)
    return torch.where(weight > 1e-4, smooth / weight.clamp_min(1e-4), nearest)


def _smooth(images: Tensor, sigma: float) -> Tensor:
    return torch.from_numpy(ndimage.gaussian_filter(images.numpy(), (0, 0, sigma, sigma)))
