"""The published ways to learn a prior from corrupted images alone: one a file, by its equations, with our network.

They differ in what a training step is; network, optimiser and number of steps are the same for all.
"""

from . import ambient_diffusion, clean_images, em_mmps, emdiffusion, noise2self, sure_score
from .learner import Learner
from .training import Training, fresh, pick_from, train

__all__ = ["LEARNERS", "Learner", "Training", "fresh", "pick_from", "train"]

LEARNERS: dict[str, Learner] = {
    module.LEARNER.name: module.LEARNER
    for module in (clean_images, noise2self, sure_score, ambient_diffusion, emdiffusion, em_mmps)
}
"""By name, in the order of tables: the ceiling first, then by year."""
