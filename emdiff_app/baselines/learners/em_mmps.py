"""EM-MMPS (DiEM; Rozet et al. 2024): expectation-maximisation with moment matching, from a Gaussian start.

    E-step: x_i ~ p(x | y_i, D) with E[x | x_t, y] = x0 + s^2 J A^T (Sigma + s^2 A J A^T)^-1 (y - A x0), J = dD/dx_t;
    M-step: D <- argmin E ||D(x_i + s n, s) - x_i||^2, the weights inherited;
    start: a Gaussian fitted to the corrupted images by EM.

A recipe of our learner: MMPS is one of its samplers, and the Gaussian is how it begins. Nothing is learned from the
recorded pixels themselves, and all images are restored in every round.
"""

from emdiff_app.learning import PRESETS

from .learner import Learner

__all__ = ["LEARNER"]

LEARNER = Learner(
    name="em-mmps",
    title="EM-MMPS (DiEM)",
    equation="x ~ p(x | y, D) by MMPS; D <- argmin E ||D(x + s n, s) - x||^2; again",
    cost="about 15 evaluations for each of 16 steps of a sample of an E-step",
    needs=("imaging model",),
    recipe={
        **PRESETS["standard"],
        "first_share": 1.0,
        "last_share": 1.0,
        "sampler": "mmps",
        "sampler_steps": 16,
        "start": "gaussian",
        "anchor": "none",
        "patience": 0,
    },
    sampler="mmps",
)
