"""Clean or sampled images: `(s^2+sd^2)/(s sd)^2 ||D(x + s n, s) - x||^2`, whose best D is `E[x | x_t]`."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..batch import Batch
from ..drawing import drawn
from ..learned import LearnedPrior
from ..prior import Prior
from .term import levels, normal

__all__ = ["Denoising"]


@dataclass(frozen=True)
class Denoising:
    """The plain training of a diffusion model.

    A share `camera` of the images gets noise of uneven strength as a camera makes it, `s_i = t sqrt(Var[y | x']_i)`,
    a map that the denoiser is told: so that a recorded image is itself a state that reverse diffusion can start
    from. x' is another image of the batch, turned about: from a map of x itself the network would read x off.
    """

    camera: float = 0.0

    def loss(self, prior: Prior, batch: Batch, generator: torch.Generator) -> Tensor:
        assert isinstance(prior, LearnedPrior)
        x = batch.clean
        if x is None:
            raise ValueError("denoising is learned from clean or sampled images, and the batch has none")
        s = levels(prior, x, generator)
        if self.camera:
            s = s * self._shape(x, batch, generator)
        return prior.loss(x, s, normal(x, generator))

    def _shape(self, x: Tensor, batch: Batch, generator: torch.Generator) -> Tensor:
        """The noise map of each image, of mean square one; flat for those that get white noise."""
        if batch.noise is None:
            raise ValueError("camera-shaped noise needs to know the noise")
        others = x.roll(1, 0) if batch.others is None else batch.others
        variance = batch.noise.variance(others.flip((-2, -1))) + torch.zeros_like(x)
        least = 1e-6 * variance.mean((1, 2, 3), keepdim=True)
        shape = (variance.clamp_min(0) + least).sqrt()
        shape = shape / shape.square().mean((1, 2, 3), keepdim=True).sqrt().clamp_min(1e-12)
        chance = drawn(torch.rand, (len(x),), generator).to(x)
        return torch.where(chance.reshape(-1, 1, 1, 1) < self.camera, shape, 1.0)
