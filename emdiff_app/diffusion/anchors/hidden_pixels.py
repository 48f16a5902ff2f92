"""Any noise that is independent from pixel to pixel: hide pixels, and predict them from their neighbours.

The network gives the mean m and the variance v of the clean pixel given all the others, and is trained by
the likelihood of the recorded one, `y ~ N(m, v + gain m + b)`. What the hidden pixel itself says is added
afterwards, by Bayes' rule: `x = (m/v + y/noise) / (1/v + 1/noise)` with the variance `1/(1/v + 1/noise)`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from emdiff_app.physics import NoiseParameters

from ..batch import Batch, local_mean, recorded_variance
from ..prior import SMALLEST, Prior

__all__ = ["HiddenPixels"]


@dataclass(frozen=True)
class HiddenPixels:
    """Pixels on a grid of `side` are hidden at once, so that each still has its neighbours.

    A hidden pixel is filled with its neighbours' mean, and the noise map says of it what is true of such a
    guess: that it may be off by the standard deviation of the images.
    """

    side: int = 4

    def loss(self, prior: Prior, batch: Batch, generator: torch.Generator) -> Tensor:
        corner = torch.randint(self.side**2, (), generator=generator, device=generator.device)
        hidden = self.grid(batch.recorded_images, int(corner))
        m, v = self.predicted(prior, batch, hidden)
        asked = hidden & batch.seen
        y = torch.where(asked, batch.recorded_images, 0.0)
        # The noise at m, but not a reason to move m: a gain that is slightly wrong must not bend the mean.
        total = v + self._noise(prior, batch, m.detach())
        loss = ((y - m).square() / total + (total / prior.sigma_data**2).log()) / 2
        return torch.where(asked, loss, 0.0).sum() / asked.sum().clamp_min(1)

    def predicted(self, prior: Prior, batch: Batch, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of every clean pixel when `hidden` ones and those never observed are not shown."""
        shown = batch.seen & ~hidden
        filled = torch.where(shown, batch.recorded_images, local_mean(batch.recorded_images, shown, 3))
        # The noise at the level of the shown pixels alone: a mean over hidden ones as well would give them away.
        variance = recorded_variance(self._known(batch), batch.recorded_images, shown)
        s = variance.clamp_min((SMALLEST * prior.sigma_data) ** 2).sqrt()
        return prior.denoise_with_variance(filled, torch.where(shown, s, prior.sigma_data))

    @torch.no_grad()
    def estimate(self, prior: Prior, batch: Batch) -> tuple[Tensor, Tensor]:
        """The posterior mean and variance of every clean pixel, at the cost of `side^2` evaluations."""
        y = batch.recorded_images
        m, v = torch.empty_like(y), torch.empty_like(y)
        for corner in range(self.side**2):
            hidden = self.grid(y, corner)
            mean, variance = self.predicted(prior, batch, hidden)
            m, v = torch.where(hidden, mean, m), torch.where(hidden, variance, v)
        noise = self._noise(prior, batch, m)
        trust = torch.where(batch.seen, v / (v + noise), 0.0)
        return m + trust * (torch.where(batch.seen, y, 0.0) - m), v * (1 - trust)

    def grid(self, like: Tensor, corner: int) -> Tensor:
        """Which pixels are hidden together, counted from a corner of the grid's first square."""
        hidden = torch.zeros((1, 1, *like.shape[2:]), dtype=torch.bool, device=like.device)
        hidden[..., corner // self.side :: self.side, corner % self.side :: self.side] = True
        return hidden

    def _noise(self, prior: Prior, batch: Batch, level: Tensor) -> Tensor:
        variance: Tensor = self._known(batch).variance(level) + torch.zeros_like(level)
        return variance.clamp_min((SMALLEST * prior.sigma_data) ** 2)

    def _known(self, batch: Batch) -> NoiseParameters:
        if batch.noise is None:
            raise ValueError("this term needs to know the noise")
        return batch.noise
