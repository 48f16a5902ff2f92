"""A PSF from the image of a bead: background removed, centred, on the images' pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from emdiff_app.errors import PhysicsError
from emdiff_app.images import PixelSize
from emdiff_app.physics.files import Place, read_image

from .specs import ImagePsf
from .units import pixel_sizes_um

__all__ = ["psf_from_bead", "psf_from_file"]

FAINT = 0.01
"""Where the light stays below this share of the peak, the PSF ends, unless its shape is given."""


def psf_from_file(
    spec: ImagePsf, pixel_size: Mapping[str, PixelSize] | None, ndim: int, place: Place
) -> NDArray[np.float64]:
    """The PSF in the file that `spec` names, on the images' pixels."""
    image, stated = read_image(spec.path, place, "psf")
    if image.ndim != ndim:
        raise PhysicsError(
            f"psf.path: {spec.path} has {image.ndim} axes of more than one pixel and the images have {ndim}; "
            "nothing was changed. Use a PSF of the same kind, or one focal plane of it."
        )
    own = _own_pixels(spec, stated, ndim)
    zoom = own and [a / b for a, b in zip(own, pixel_sizes_um(pixel_size, ndim, "psf.path"), strict=True)]
    return psf_from_bead(image, zoom=zoom, background=spec.background, shape=spec.shape)


def _own_pixels(spec: ImagePsf, stated: Mapping[str, PixelSize], ndim: int) -> list[float] | None:
    """The pixel size of the PSF's file in um: what the user says, else what the file says, else unknown."""
    given = spec.pixel_size_um
    if given is None:
        return list(pixel_sizes_um(stated, ndim, "psf.path")) if set(stated) >= set("ZYX"[-ndim:]) else None
    own = [given] * ndim if isinstance(given, float) else list(given)
    if len(own) != ndim:
        raise PhysicsError(f"psf.pixel_size_um: {len(own)} numbers for {ndim} axes; give one, or {ndim}.")
    return own


def psf_from_bead(
    image: NDArray[Any],
    *,
    zoom: Sequence[float] | None = None,
    background: float | None = None,
    shape: Sequence[int] | None = None,
) -> NDArray[np.float64]:
    """Turn the picture of one bead into a PSF.

    The background (default: the median of the outermost pixels) is subtracted, and what falls below it is
    set to zero. The centre is the centroid of the brightest half of the peak, found to a fraction of a
    pixel; the image is interpolated so that it comes to lie on the middle pixel. `zoom` is the bead's pixel
    size over the images', along each axis: coarser target pixels average, they do not pick.
    """
    bead = np.asarray(image, np.float64)
    if not np.isfinite(bead).all():
        raise PhysicsError(
            "psf: the image of the PSF is not a number (NaN) in "
            f"{'every pixel' if not np.isfinite(bead).any() else 'some pixels'}; nothing was changed. "
            "Choose another file, or measure the PSF again."
        )
    level = border_level(bead) if background is None else background
    bead = np.maximum(bead - level, 0)
    if bead.max() <= 0:
        raise PhysicsError(
            "psf: nothing in the image of the PSF is brighter than its background; choose another file."
        )
    zoom = [1.0] * bead.ndim if zoom is None else list(zoom)
    centre = peak_centre(bead)
    sizes = list(shape) if shape else _sizes_of_light(bead, centre, zoom)
    averaged = ndimage.gaussian_filter(bead, [_smoothing(z) for z in zoom], mode="constant")
    lines = [(np.arange(n) - n // 2) / z + c for n, z, c in zip(sizes, zoom, centre, strict=True)]
    order = 1 if min(bead.shape) < 4 else 3
    psf = ndimage.map_coordinates(averaged, np.meshgrid(*lines, indexing="ij"), order=order, mode="constant")
    psf = np.maximum(psf, 0)
    return psf / psf.sum()


def _sizes_of_light(bead: NDArray[np.float64], centre: Sequence[float], zoom: Sequence[float]) -> list[int]:
    """The smallest odd box of new pixels around the centre that holds all light above `FAINT`."""
    smooth = ndimage.gaussian_filter(bead, 1)
    sizes = []
    for axis, lit in enumerate(np.nonzero(smooth > FAINT * smooth.max())):
        c, n = centre[axis], bead.shape[axis]
        reach = min(max(c - lit.min(), lit.max() - c), c, n - 1 - c)
        sizes.append(2 * max(int(reach * zoom[axis]), 0) + 1)
    return sizes


def border_level(image: NDArray[np.float64]) -> float:
    """The median of the outermost pixels, of the sides in Y and X: light of a bead may leave through Z."""
    inside = np.zeros(image.shape, bool)
    inside[(..., slice(1, -1), slice(1, -1))] = True
    return float(np.median(image[~inside]))


def peak_centre(bead: NDArray[np.float64]) -> list[float]:
    """The centroid of what is above half of the maximum, in the patch that holds the (smoothed) maximum."""
    smooth = ndimage.gaussian_filter(bead, 1)
    peak = np.unravel_index(int(smooth.argmax()), bead.shape)
    patches, _ = ndimage.label(smooth >= smooth.max() / 2)
    weight = np.where(patches == patches[peak], smooth - smooth.max() / 2, 0)
    return [float(c) for c in ndimage.center_of_mass(weight)]


def _smoothing(zoom: float) -> float:
    """`s^2 = (1 / zoom^2 - 1) / 12`: a Gaussian that averages over a larger pixel; a pixel has 1/12 px^2."""
    return float(np.sqrt(max(1 / zoom**2 - 1, 0) / 12))
