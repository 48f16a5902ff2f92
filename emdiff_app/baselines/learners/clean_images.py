"""A prior trained on clean images, and DPS with it: the ceiling, which nobody who has only corrupted images can reach.

`min_D E ||D(x + s n, s) - x||^2` over clean x (Ho et al. 2020; Karras et al. 2022), then
`x_{t-1} <- x_{t-1} - zeta grad ||y - A D(x_t)||` (Chung et al. 2023).
"""

from emdiff_app.diffusion import Batch, LearnedPrior
from emdiff_app.diffusion.anchors import Denoising

from .learner import Learner
from .training import Training, fresh, pick_from, train

__all__ = ["LEARNER", "learn"]


def learn(images: Batch, how: Training) -> LearnedPrior:
    if images.clean is None:
        raise ValueError("this is the ceiling: it needs the clean images")
    clean = Batch(clean=images.clean)
    return train(fresh(images.clean, how), Denoising(), pick_from(clean, how), how)


LEARNER = Learner(
    name="clean",
    title="DPS with a clean prior",
    equation="min E ||D(x + s n, s) - x||^2 over clean x; then DPS",
    cost="1 evaluation and 1 gradient a training step",
    needs=("clean images",),
    learn=learn,
    sampler="dps",
)
