"""The aperture that a microscope really has, from the image of a bead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize

from .bead import psf_from_bead
from .microscope import microscope_psf
from .specs import MicroscopePsf

__all__ = ["FittedBead", "bead_image", "fit_bead"]


class FittedBead(NamedTuple):
    """What explains the image of a bead best."""

    psf: MicroscopePsf
    bead_um: float
    measured: NDArray[np.float64]
    model: NDArray[np.float64]


def bead_image(
    spec: MicroscopePsf, pixel_um: Sequence[float], shape: Sequence[int], bead_um: float
) -> NDArray[np.float64]:
    """A bead through the microscope: the PSF convolved with a Gaussian of a ball's variance, `d^2 / 20`."""
    psf = microscope_psf(spec, pixel_um, shape)
    return ndimage.gaussian_filter(psf, [bead_um / np.sqrt(20) / p for p in pixel_um], mode="constant")


def fit_bead(image: NDArray[Any], spec: MicroscopePsf, pixel_um: Sequence[float]) -> FittedBead:
    """Fit the effective numerical aperture, the bead's diameter and its focus by least squares.

    Objectives rarely use the outermost rays of their nominal aperture (aberrations, cover glass, a lens
    that is not overfilled), so measured PSFs are wider than the model of the nominal one.
    """
    measured = psf_from_bead(image)
    measured /= measured.max()

    def picture(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        na, bead, focus = parameters
        model = bead_image(_with(spec, na, focus), pixel_um, measured.shape, abs(bead))
        scale = float((model * measured).sum() / (model * model).sum())
        return model * scale

    highest = spec.index * 0.99
    start = [min(spec.na * 0.95, highest), 0.2, spec.defocus_um]
    bounds = ([spec.na * 0.5, 0, -2], [min(spec.na * 1.15, highest), 2, 2])
    found = optimize.least_squares(
        lambda p: (picture(p) - measured).ravel(),
        start,
        bounds=bounds,
        diff_step=0.01,
        x_scale=[0.1, 0.1, 0.1],
        xtol=1e-3,
        ftol=1e-4,
    )
    na, bead, focus = found.x
    return FittedBead(_with(spec, na, focus), float(bead), measured, picture(found.x))


def _with(spec: MicroscopePsf, na: float, focus: float) -> MicroscopePsf:
    return spec.model_copy(update={"na": float(na), "defocus_um": float(focus)})
