"""Noise2Self (Batson and Royer 2019): predict each pixel from the others alone.

    min_f E sum_J ||f(y)_J - y_J||^2,  f J-invariant: f(y)_J does not depend on y_J.

Noise that is independent from pixel to pixel cannot be predicted, so the best f is `E[x_J | y outside J]`. J is a grid
of pixels; their values are replaced by the mean of their neighbours before the network looks. The noise need not be
known. Missing pixels are never asked for, and are predicted like the hidden ones.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from emdiff_app.diffusion import Batch, LearnedPrior
from emdiff_app.diffusion.anchors import HiddenPixels
from emdiff_app.diffusion.batch import local_mean
from emdiff_app.diffusion.prior import Prior

from .learner import Learner
from .training import Training, fresh, pick_from, train

__all__ = ["LEARNER", "JInvariant", "learn"]


@dataclass(frozen=True)
class JInvariant:
    """Every `side`-th pixel along both axes is hidden at once; the network is told the same level everywhere.

    A wider grid hides less of what surrounds a pixel, and costs more evaluations.
    """

    side: int = 4

    def loss(self, prior: Prior, batch: Batch, generator: torch.Generator) -> Tensor:
        corner = torch.randint(self.side**2, (), generator=generator, device=generator.device)
        hidden = self._hidden(batch, int(corner))
        asked = hidden & batch.seen
        error = self.predicted(prior, batch, hidden) - torch.where(asked, batch.recorded_images, 0.0)
        total = torch.where(asked, error.square(), 0.0).sum() / asked.sum().clamp_min(1)
        return total / prior.sigma_data**2

    def predicted(self, prior: Prior, batch: Batch, hidden: Tensor) -> Tensor:
        """`f(y)` where the hidden pixels, and those never recorded, are not shown."""
        shown = batch.seen & ~hidden
        y = batch.recorded_images
        return prior.denoise(torch.where(shown, y, local_mean(y, shown, 3)), prior.sigma_data)

    @torch.no_grad()
    def estimate(self, prior: Prior, batch: Batch) -> Tensor:
        """Every pixel from the others, at the cost of `side^2` evaluations."""
        made = torch.empty_like(batch.recorded_images)
        for corner in range(self.side**2):
            hidden = self._hidden(batch, corner)
            made = torch.where(hidden, self.predicted(prior, batch, hidden), made)
        return made

    def _hidden(self, batch: Batch, corner: int) -> Tensor:
        return HiddenPixels(self.side).grid(batch.recorded_images, corner)


def learn(images: Batch, how: Training) -> LearnedPrior:
    return train(fresh(images.recorded_images, how), JInvariant(), pick_from(images, how), how)


LEARNER = Learner(
    name="noise2self",
    title="Noise2Self",
    equation="min E sum_J ||f(y)_J - y_J||^2, f(y)_J without y_J",
    cost="1 evaluation and 1 gradient a training step; restores in 16 evaluations",
    needs=(),
    learn=learn,
    estimate=JInvariant().estimate,
)
