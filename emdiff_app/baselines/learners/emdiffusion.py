"""EMDiffusion (Bai et al. 2024): expectation-maximisation with DPS.

    E-step: x_i ~ p(x | y_i, D) by DPS, its likelihood scaled and annealed over the rounds;
    M-step: D <- argmin E ||D(x_i + s n, s) - x_i||^2, the weights inherited; at the end from fresh ones, on all data.

The preset `emdiffusion` of the learner, whose E-steps take a tenth of the data a round. It was published with a start
from 50 clean images; here, as for all others, there are none, and it starts from a Gaussian fitted by EM.
"""

from emdiff_app.learning import PRESETS

from .learner import Learner

__all__ = ["LEARNER"]

LEARNER = Learner(
    name="emdiffusion",
    title="EMDiffusion",
    equation="x ~ p(x | y, D) by DPS; D <- argmin E ||D(x + s n, s) - x||^2; again",
    cost="about 3000 evaluations for each sample of an E-step",
    needs=("imaging model",),
    recipe=PRESETS["emdiffusion"],
    sampler="dps",
)
