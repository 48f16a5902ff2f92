"""AmbientDiffusion (Daras et al. 2023): corrupt the corrupted images further, and predict what was recorded.

    min_D E ||A (D(A~ x_t, A~, s) - x)||^2,  A~ = B A with a random mask B.

A network that cannot know which of the pixels that it misses will be asked for must restore them all. For noise that is
in the recording (Daras et al. 2024) x_t is y with noise up to `s > s_y`, and Tweedie's formula takes care of that of y:

    min_D E ||(1 - r) D(y + sqrt(s^2 - s_y^2) n, s) + r x_t - y||^2,  r = s_y^2 / s^2.

The method is for random masks; it knows nothing of blur. What a network was never taught is anything at all, so a
sampler asks it only what it knows, as published: always under one mask like those that it was taught under,
E[x | A~ x_t], and never below the level of the noise.
"""

import torch
from torch import Tensor

from emdiff_app.diffusion import Batch, LearnedPrior, Prior
from emdiff_app.diffusion.anchors import FurtherMasking
from emdiff_app.diffusion.prior import LARGEST, as_map

from .learner import Learner
from .training import Training, fresh, pick_from, train

__all__ = ["LEARNER", "AsTaught", "learn"]

FURTHER = 0.1
"""The share of the recorded pixels that is dropped, as published."""


def learn(images: Batch, how: Training) -> LearnedPrior:
    prior = fresh(images.recorded_images, how, noise=images.variance())
    prior.takes_maps = True
    return train(prior, FurtherMasking(FURTHER), pick_from(images, how), how)


class AsTaught(Prior):
    """`D(A~ x_t, A~, max(s, s_y))`; how unsure it is must be measured of this prior, not of the one that was taught.

    `recorded` is the share of the pixels that its images have.
    """

    def __init__(self, taught: Prior, smallest: float, recorded: float) -> None:
        super().__init__(taught.channels, taught.sigma_data)
        self.taught, self.smallest, self.takes_maps = taught, smallest, taught.takes_maps
        self.share = (1 - FURTHER) * recorded

    def denoise(self, x_t: Tensor, sigma: Tensor | float) -> Tensor:
        shown = self._shown(x_t)
        level = as_map(sigma, x_t).clamp_min(self.smallest)
        largest = torch.as_tensor(LARGEST * self.sigma_data).to(x_t)
        state = torch.where(shown, x_t, self.centre(x_t))
        return self.taught.denoise(state, torch.where(shown, level, largest))

    def _shown(self, x_t: Tensor) -> Tensor:
        """One mask for every size, the same whenever it is asked for."""
        chance = torch.rand(x_t.shape[2:], generator=torch.Generator().manual_seed(0))
        return (chance < self.share).to(x_t.device)

    def centre(self, like: Tensor) -> Tensor:
        return self.taught.centre(like)


LEARNER = Learner(
    name="ambient",
    title="AmbientDiffusion",
    equation="min E ||A (D(B A x_t, B A, s) - y)||^2, B a further random mask",
    cost="1 evaluation and 1 gradient a training step",
    needs=("noise level",),
    learn=learn,
    as_taught=AsTaught,
)
