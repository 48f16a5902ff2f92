"""The prior: what clean images look like, as a denoiser for every noise level."""

from . import anchors
from .batch import Batch
from .gaussian import GaussianPrior
from .gaussian_em import fit_gaussian
from .learned import LearnedPrior
from .network import SIZES, Architecture, UNet, parameter_count
from .prior import Prior
from .training import Trainer

__all__ = [
    "SIZES",
    "Architecture",
    "Batch",
    "GaussianPrior",
    "LearnedPrior",
    "Prior",
    "Trainer",
    "UNet",
    "anchors",
    "fit_gaussian",
    "parameter_count",
]
