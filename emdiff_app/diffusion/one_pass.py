"""One pass: each pixel from its neighbours by the network, from itself by Bayes' rule, without a reverse diffusion."""

import torch
from torch import Tensor

from .anchors import HiddenPixels
from .batch import Batch
from .prior import Prior

__all__ = ["one_pass"]


@torch.no_grad()
def one_pass(prior: Prior, batch: Batch, *, ways: int = 8, side: int = 4) -> tuple[Tensor, Tensor]:
    """The mean and the variance of every clean pixel, averaged over `ways` of flipping and turning the images.

    The network has learned from images in all eight; that its answers differ a little between them is error, and
    most of it averages out. Costs `ways side^2` evaluations.
    """
    square = batch.any.shape[-1] == batch.any.shape[-2]
    pairs = [(bool(k % 2), k // 2 if square else k // 2 * 2) for k in range(ways)][: ways if square else 4]
    means, variances = [], []
    for flip, quarters in pairs:
        mean, variance = HiddenPixels(side).estimate(prior, batch.turned(flip, quarters))
        means.append(_back(mean, flip, quarters))
        variances.append(_back(variance, flip, quarters))
    return torch.stack(means).mean(0), torch.stack(variances).mean(0)


def _back(image: Tensor, flip: bool, quarters: int) -> Tensor:
    image = torch.rot90(image, -quarters, (-2, -1))
    return image.flip(-1) if flip else image
