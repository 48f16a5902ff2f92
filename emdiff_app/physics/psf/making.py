"""From the words of a model file to the array of a PSF."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app.errors import PhysicsError
from emdiff_app.images import PixelSize
from emdiff_app.physics.files import Place

from . import shapes
from .specs import BoxPsf, DiscPsf, GaussianPsf, ImagePsf, MicroscopePsf, PsfSpec
from .units import pixel_sizes_um

if TYPE_CHECKING:
    from emdiff_app.physics.operators.specs import MotionBlurSpec

__all__ = ["motion_psf", "psf_array"]

LARGEST = 4096
"""No PSF has more pixels along an axis, nor more than the square of that in all."""

FWHM = float(2 * np.sqrt(2 * np.log(2)))


def psf_array(
    spec: PsfSpec,
    *,
    pixel_size: Mapping[str, PixelSize] | None = None,
    ndim: int = 2,
    place: Place | None = None,
) -> NDArray[np.float64]:
    """The PSF on pixels of the images: `ndim` odd axes, not negative, of sum one."""
    match spec:
        case GaussianPsf():
            sigmas, shape = _sigmas(spec, pixel_size, ndim), _shape(spec.shape, ndim)
            _limit(shape or [2 * shapes.CUT * s for s in sigmas])
            return shapes.gaussian(sigmas, shape)
        case BoxPsf():
            planar = isinstance(spec.size_px, float)  # one number: within the plane
            widths = _per_axis(spec.size_px, 2 if planar else ndim, "psf.size_px")
            _limit(widths)
            return _flat(shapes.box(widths), ndim) if planar else shapes.box(widths)
        case DiscPsf():
            _limit([2 * spec.radius_px] * 2)
            return _flat(shapes.disc(spec.radius_px), ndim)
        case MicroscopePsf():
            from .microscope import default_shape, microscope_psf

            sizes = pixel_sizes_um(pixel_size, ndim, "psf")
            shape = _shape(spec.shape, ndim) or default_shape(spec, sizes)
            _limit(shape)
            return microscope_psf(spec, sizes, shape)
        case ImagePsf():
            from .bead import psf_from_file

            return psf_from_file(spec, pixel_size, ndim, place or Place())


def motion_psf(
    spec: MotionBlurSpec, *, pixel_size: Mapping[str, PixelSize] | None = None, ndim: int = 2
) -> NDArray[np.float64]:
    """Where the image was during the exposure, as a PSF within the plane."""
    if spec.path is not None:
        return _flat(shapes.motion(np.array(spec.path, float)), ndim)
    if spec.length_px is not None:
        length: float | NDArray[Any] = spec.length_px
    else:
        assert spec.length_um is not None  # the spec's own validator
        length = spec.length_um / np.array(pixel_sizes_um(pixel_size, 2, "length_um"))
    _limit(np.broadcast_to(length, 2))
    angle = np.deg2rad(spec.angle_deg)
    way = np.array([-np.sin(angle), np.cos(angle)]) * length
    return _flat(shapes.motion(np.stack([-way / 2, way / 2])), ndim)


def _sigmas(spec: GaussianPsf, pixel_size: Mapping[str, PixelSize] | None, ndim: int) -> list[float]:
    if spec.sigma_px is not None:
        return _per_axis(spec.sigma_px, ndim, "psf.sigma_px")
    if spec.fwhm_px is not None:
        return [w / FWHM for w in _per_axis(spec.fwhm_px, ndim, "psf.fwhm_px")]
    assert spec.fwhm_um is not None  # the spec's own validator
    sizes = pixel_sizes_um(pixel_size, ndim, "psf.fwhm_um")
    return [w / FWHM / s for w, s in zip(_per_axis(spec.fwhm_um, ndim, "psf.fwhm_um"), sizes, strict=True)]


def _per_axis(value: float | Sequence[float], ndim: int, where: str) -> list[float]:
    values = [float(value)] * ndim if isinstance(value, int | float) else [float(v) for v in value]
    if len(values) != ndim:
        raise PhysicsError(
            f"{where}: {len(values)} numbers for images of {ndim} axes; give one number, or {ndim}."
        )
    return values


def _shape(shape: Sequence[int] | None, ndim: int) -> tuple[int, ...] | None:
    if shape is None:
        return None
    if len(shape) != ndim or any(n % 2 == 0 for n in shape):
        raise PhysicsError(
            f"psf.shape: {list(shape)} must be {ndim} odd numbers of pixels, such as {[31] * ndim}."
        )
    return tuple(shape)


def _limit(shape: Sequence[float] | NDArray[Any]) -> None:
    """Refuse a PSF that would fill the memory before anything else can say what is wrong with it."""
    if not np.isfinite(shape).all() or max(shape) > LARGEST or np.prod(shape) > LARGEST**2:
        size = " x ".join(f"{n:.0f}" for n in shape)
        raise PhysicsError(
            f"psf: it would be {size} pixels large, and no image is; nothing was changed. "
            "Check its width, the pixel size and their units."
        )


def _flat(psf: NDArray[np.float64], ndim: int) -> NDArray[np.float64]:
    """A PSF that acts within each plane of a volume."""
    return psf[(None,) * (ndim - 2)]
