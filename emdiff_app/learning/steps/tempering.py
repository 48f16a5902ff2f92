"""How much the data weigh against a prior that is still young.

`p(x | y) ~ p(x) p(y | x)^w`: below 1 the likelihood is tempered, so that a poor prior is not torn to pieces by data
that it cannot explain; above 1 the data lead. In the end w is 1: anything else is not the posterior.
"""

import math
from dataclasses import replace

from emdiff_app.physics import Imaging

__all__ = ["next_weight", "weighted"]

CLOSE = 0.05
"""A weight within this of 1 is 1."""


def weighted(imaging: Imaging, weight: float) -> Imaging:
    """`p(y | x)^w`: for Gaussian noise that of the variance `Var / w`."""
    if weight == 1:
        return imaging
    own = imaging.noise
    noise = replace(own, gain=own.gain / weight, read_noise=own.read_noise / math.sqrt(weight))
    return replace(imaging, noise=noise)


def next_weight(weight: float, chi2: float, round: int, rounds: int) -> float:
    """The weight of the next round, from the true chi2 of the samples of this one.

    Tempered samples of a prior that explains the data have a chi2 of 1, where the prior decides, to 1/w, where the
    data do: the logarithm of w is halved when chi2 is there, and a larger one is waited for. It is never lowered to
    make chi2 smaller, which would fit the noise. In the last third of the rounds it is 1.
    """
    if weight == 1 or 3 * (round + 1) > 2 * rounds:
        return 1.0
    if weight < 1 and chi2 > 1 / weight:
        return weight
    nearer = math.sqrt(weight)
    return 1.0 if abs(nearer - 1) < CLOSE else nearer
