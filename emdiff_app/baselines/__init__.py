"""What users would use instead, and the published methods that we compare with."""

from .classical import best_gaussian_blur, best_richardson_lucy, wiener

__all__ = ["best_gaussian_blur", "best_richardson_lucy", "wiener"]
