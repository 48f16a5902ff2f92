"""The PSF of an aberration-free microscope, from the scalar model of its pupil."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emdiff_app.errors import PhysicsError

from .specs import MicroscopePsf

__all__ = ["default_shape", "microscope_psf"]

FINE = 3
"""Each pixel of the result is the sum of at least this many points squared: pixels collect light over their area."""

LARGEST_GRID = 6000
"""More points along an axis than this take gigabytes."""


def microscope_psf(
    spec: MicroscopePsf, pixel_um: Sequence[float], shape: Sequence[int] | None = None
) -> NDArray[np.float64]:
    """`h(x, y, z) = |FT{ P(k) exp(i k_z z) }|^2`, `k_z = sqrt((n / lambda)^2 - |k|^2)`, summed over pixels.

    The pupil P fills the disc `|k| <= NA / lambda` with the amplitude `(1 + cos t) / (2 sqrt(cos t))`, t
    being the angle of the ray: `1 / sqrt(cos t)` because an objective that obeys the sine condition spreads
    the rays of a sphere evenly over a flat pupil, and `(1 + cos t) / 2` because of light of all
    polarisations only that part interferes in focus; it is the leading term of the vectorial theory. Planes
    are propagated exactly (angular spectrum), and each carries the same light, since none is lost between
    them.

    A confocal microscope sees the product of the illumination and of the detection, the latter averaged over
    its pinhole.
    """
    pixel_z = pixel_um[0] if len(pixel_um) == 3 else 0.0
    pixel = (pixel_um[-2], pixel_um[-1])
    wavelength = spec.wavelength_nm / 1000
    shape = shape or default_shape(spec, pixel_um)
    n_z = shape[0] if len(pixel_um) == 3 else 1
    planes = spec.defocus_um + pixel_z * (np.arange(n_z) - n_z // 2)
    ny, nx = shape[-2:]
    if spec.modality == "widefield":
        psf = np.stack([_plane(spec, wavelength, pixel, (ny, nx), z) for z in planes])
    else:
        laser = (spec.excitation_nm or spec.wavelength_nm) / 1000
        diameter = spec.pinhole * 1.22 * wavelength / spec.na
        psf = np.stack(
            [_plane(spec, laser, pixel, (ny, nx), z, partner=(wavelength, diameter)) for z in planes]
        )
    psf /= psf.sum()
    return psf if len(pixel_um) == 3 else psf[0]


def default_shape(spec: MicroscopePsf, pixel_um: Sequence[float]) -> tuple[int, ...]:
    """Room for five Airy radii across, and for the depth of field twice on either side of focus."""
    wavelength = spec.wavelength_nm / 1000
    across = 5 * 0.61 * wavelength / spec.na + abs(spec.defocus_um) * np.tan(np.arcsin(spec.na / spec.index))
    depth = 2 * 0.88 * wavelength / (spec.index - np.sqrt(spec.index**2 - spec.na**2))
    reaches = [depth] * (len(pixel_um) - 2) + [across] * 2
    return tuple(2 * int(np.ceil(r / p)) + 1 for r, p in zip(reaches, pixel_um, strict=True))


def _plane(
    spec: MicroscopePsf,
    wavelength: float,
    pixel: tuple[float, float],
    shape: tuple[int, int],
    z: float,
    partner: tuple[float, float] | None = None,
) -> NDArray[np.float64]:
    """One plane on fine points, times the detection's where there is one, then summed into pixels."""
    fine, room = _grid(spec, wavelength if partner is None else min(wavelength, partner[0]), pixel, shape, z)
    light = _intensity(spec, wavelength, fine, room, z)
    if partner is not None:
        emission, diameter = partner
        light = light * _through_pinhole(_intensity(spec, emission, fine, room, z), fine, diameter)
    return _pixels(light, (round(pixel[0] / fine[0]), round(pixel[1] / fine[1])), shape)


def _grid(
    spec: MicroscopePsf, wavelength: float, pixel: tuple[float, float], shape: tuple[int, int], z: float
) -> tuple[tuple[float, float], tuple[int, int]]:
    """The step of the fine points, and how many: room for the defocused cone, so that it does not wrap around.

    A step is at most a quarter of the wavelength over the aperture: the intensity has no finer detail.
    """
    parts = [FINE] * 2
    for a in (0, 1):
        while pixel[a] / parts[a] > wavelength / (4 * spec.na):
            parts[a] += 2
    fine = (pixel[0] / parts[0], pixel[1] / parts[1])
    cone = 2 * abs(z) * np.tan(np.arcsin(spec.na / spec.index)) + 10 * wavelength / spec.na
    room = [
        2 * (int(np.ceil(max(n * p, cone) / f)) // 2 + f_parts) + 1
        for n, p, f, f_parts in zip(shape, pixel, fine, parts, strict=True)
    ]
    if max(room) > LARGEST_GRID:
        raise PhysicsError(
            f"psf: {abs(z):g} um out of focus its light would spread over {max(room)} points; nothing was changed. "
            "Check the defocus and the pixel size (um), or give a smaller number of planes with 'shape'."
        )
    return fine, (room[0], room[1])


def _intensity(
    spec: MicroscopePsf, wavelength: float, fine: tuple[float, float], room: tuple[int, int], z: float
) -> NDArray[np.float64]:
    ky, kx = (np.fft.fftfreq(n, d) for n, d in zip(room, fine, strict=True))
    across = ky[:, None] ** 2 + kx[None, :] ** 2
    k = spec.index / wavelength
    step = max(abs(ky[1]), abs(kx[1]))
    # A soft edge, one frequency wide: a disc cut along grid lines would not be round.
    pupil = np.clip((spec.na / wavelength - np.sqrt(across)) / step + 0.5, 0, 1)
    along = np.sqrt(np.maximum(k**2 - across, (0.01 * k) ** 2))
    cosine = along / k
    field = pupil * (1 + cosine) / (2 * np.sqrt(cosine)) * np.exp(2j * np.pi * z * along)
    light = np.abs(np.fft.fftshift(np.fft.ifft2(field))) ** 2
    return light / light.sum()


def _through_pinhole(
    light: NDArray[np.float64], fine: tuple[float, float], diameter: float
) -> NDArray[np.float64]:
    y, x = (np.fft.ifftshift(np.arange(n) - n // 2) * d for n, d in zip(light.shape, fine, strict=True))
    hole = (y[:, None] ** 2 + x[None, :] ** 2 <= (diameter / 2) ** 2).astype(float)
    seen = np.fft.irfft2(np.fft.rfft2(light) * np.fft.rfft2(hole / hole.sum()), s=light.shape)
    return np.maximum(seen, 0)


def _pixels(
    light: NDArray[np.float64], parts: tuple[int, int], shape: tuple[int, int]
) -> NDArray[np.float64]:
    """Sum fine points into `shape` pixels around the middle one; what lies outside is left out."""
    for axis, (count, n) in enumerate(zip(parts, shape, strict=True)):
        reach = min((light.shape[axis] // 2 - count // 2) // count, n // 2)
        first = light.shape[axis] // 2 - count // 2 - reach * count
        inside = np.take(light, range(first, first + (2 * reach + 1) * count), axis)
        light = np.add.reduceat(inside, range(0, inside.shape[axis], count), axis)
        margin = n // 2 - reach
        light = np.pad(light, [(margin, margin) if a == axis else (0, 0) for a in (0, 1)])
    return light
