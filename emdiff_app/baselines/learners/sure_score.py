"""SURE-Score (Aali et al. 2023): Stein's estimate teaches the level of the recording, its answers all other levels.

    min_D E[ ||D(y, s_y) - y||^2 + 2 s_y^2 div D(y, s_y) ] + w E_s ||D(x' + s n, s) - x'||^2,  x' = D(y, s_y).

The first part is, up to a constant, the squared error of D(y, s_y) without the truth; the second is the plain training
of a diffusion model on what D itself makes of the recorded images, through which no gradient is taken. The method is
for white noise of known size. It knows nothing of blur, and takes missing pixels for grey ones.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from emdiff_app.diffusion import Batch, LearnedPrior
from emdiff_app.diffusion.anchors import Denoising, Sure
from emdiff_app.diffusion.anchors.term import level_of
from emdiff_app.diffusion.prior import Prior

from .learner import Learner
from .training import Training, fresh, pick_from, train

__all__ = ["LEARNER", "SureScore", "learn"]


@dataclass(frozen=True)
class SureScore:
    """Both parts, weighed by the inverse of the error of a Gaussian pixel, as all our training is."""

    weight: float = 1.0

    def loss(self, prior: Prior, batch: Batch, generator: torch.Generator) -> Tensor:
        y = torch.where(batch.seen, batch.recorded_images, prior.centre(batch.recorded_images))
        whole = replace(batch, recorded=y, observed=None)
        with torch.no_grad():
            denoised = prior.denoise(y, level_of(prior, whole))
        stein = Sure().loss(prior, whole, generator)
        return stein + self.weight * Denoising().loss(prior, Batch(clean=denoised), generator)


def learn(images: Batch, how: Training) -> LearnedPrior:
    prior = fresh(images.recorded_images, how, noise=images.variance())
    return train(prior, SureScore(), pick_from(images, how), how)


LEARNER = Learner(
    name="sure-score",
    title="SURE-Score",
    equation="min E[||D(y) - y||^2 + 2 s^2 div D(y)] + E ||D(x' + s n, s) - x'||^2, x' = D(y)",
    cost="4 evaluations and 3 gradients a training step",
    needs=("noise level",),
    learn=learn,
)
