"""The prior: what clean images look like, as a denoiser for every noise level."""

from .gaussian import GaussianPrior
from .learned import LearnedPrior
from .network import SIZES, UNet, parameter_count
from .prior import Prior
from .training import Trainer

__all__ = ["SIZES", "GaussianPrior", "LearnedPrior", "Prior", "Trainer", "UNet", "parameter_count"]
