"""What a prior learns from, one term a file: clean or sampled images, or the recorded pixels themselves.

Samples alone learn slowly where the noise is strong; the terms on recorded images are unbiased there.
All have one form, so that any of them may be used alone or in a sum.
"""

from .above_noise import NoiseAbove
from .denoising import Denoising
from .further_masking import FurtherMasking
from .hidden_pixels import HiddenPixels
from .sure import Sure
from .term import Mixture, Term

__all__ = ["Denoising", "FurtherMasking", "HiddenPixels", "Mixture", "NoiseAbove", "Sure", "Term"]
