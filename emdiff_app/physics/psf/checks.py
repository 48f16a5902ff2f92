"""What a PSF must be before it may blur anything."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app.errors import PhysicsError

__all__ = ["check_psf"]


def check_psf(psf: NDArray[Any], *, field: tuple[int, ...] | None = None, where: str = "psf") -> None:
    """Refuse, in one sentence with its remedy, a PSF that would quietly spoil the images.

    It must be finite, not negative, odd-sized, of sum one, centred to half a pixel, of as many axes as the
    image, and at most half as large.
    """
    trouble = _trouble(np.asarray(psf, float), field)
    if trouble:
        raise PhysicsError(f"{where}: {trouble}; nothing was changed.")


def _trouble(psf: NDArray[np.float64], field: tuple[int, ...] | None) -> str | None:
    size = " x ".join(str(n) for n in psf.shape)
    if not np.isfinite(psf).all():
        share = "every value" if not np.isfinite(psf).any() else "a part of it"
        return f"the PSF is not a number (NaN) in {share}; choose another file or measure the PSF again"
    if field is not None and psf.ndim != len(field):
        has, needs = ("a volume", "flat") if psf.ndim > len(field) else ("flat", "volumes")
        return f"the PSF is {has} and the images are {needs}; use a PSF of {len(field)} axes, or of one focal plane"
    if any(n % 2 == 0 for n in psf.shape):
        return f"a PSF of {size} pixels has no middle pixel; crop it to odd sizes"
    if field is not None and any(2 * n > m for n, m in zip(psf.shape, field, strict=True)):
        of = " x ".join(str(n) for n in field)
        return (
            f"the PSF ({size} pixels) is larger than half the image ({of}); "
            "use larger images, or a smaller PSF ('shape' crops those of most kinds)"
        )
    if psf.min() < -1e-9 * max(psf.max(), 0.0):
        return (
            "the PSF has negative values, and light cannot be negative; remove the background less strongly"
        )
    total = psf.sum()
    if abs(total - 1) > 1e-3:
        return f"the PSF sums to {total:.4g} and must sum to 1, or it would change the brightness; divide it by its sum"
    return _off_centre(psf / total)


def _off_centre(psf: NDArray[np.float64]) -> str | None:
    """The brightest half of the light decides: a centroid of everything follows the noise in the tails."""
    core = np.where(psf >= psf.max() / 2, psf, 0.0)
    core /= core.sum()
    offs = []
    for axis, n in enumerate(psf.shape):
        profile = core.sum(tuple(a for a in range(psf.ndim) if a != axis))
        offs.append(float(profile @ (np.arange(n) - n // 2)))
    if max(abs(o) for o in offs) > 1.0:
        shift = ", ".join(f"{o:+.1f}" for o in offs)
        return f"the PSF is off its centre by {shift} pixels and would shift the images; centre it"
    return None
