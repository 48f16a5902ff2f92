"""Biharmonic inpainting (Chui and Mhaskar 2010), by scikit-image."""

import torch
from torch import Tensor

from .recorded import Recorded
from .registry import register

__all__ = ["biharmonic"]


@register(
    "biharmonic",
    "Fills missing pixels with the smoothest surface through those around them; the noise stays.",
    needs=("mask",),
    handles=("missing pixels",),
)
def biharmonic(recorded: Recorded) -> Tensor:
    """`laplace^2 x = 0` where nothing was seen, `x = y` elsewhere."""
    from skimage.restoration import inpaint_biharmonic

    made = recorded.filled.clone()
    seen = recorded.seen.expand(made.shape)
    for image, known in zip(made, seen, strict=True):
        for plane, there in zip(image, known, strict=True):
            filled = inpaint_biharmonic(plane.numpy().astype(float), ~there.numpy())
            plane.copy_(torch.from_numpy(filled))
    return made
