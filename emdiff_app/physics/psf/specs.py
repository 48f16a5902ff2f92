"""What a point-spread function is, in words that fit in a JSON file."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = [
    "BoxPsf",
    "DiscPsf",
    "GaussianPsf",
    "ImagePsf",
    "MicroscopePsf",
    "PerAxis",
    "PsfSpec",
]

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Odd = Annotated[int, Field(gt=0, lt=4096)]
PerAxis: TypeAlias = Positive | tuple[Positive, ...]
"""One number for every axis, or one for each: `[z, y, x]` or `[y, x]`."""


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GaussianPsf(_Spec):
    """`h(r) ~ exp(-r^2 / 2 sigma^2)`, sampled at the pixel centres; FWHM = 2.355 sigma.

    Give the width once: `fwhm_um` (needs the pixel size of the images), `fwhm_px` or `sigma_px`. `shape` is
    the number of pixels along each axis; without it the Gaussian is cut at 3.5 sigma.
    """

    kind: Literal["gaussian"] = "gaussian"
    fwhm_um: PerAxis | None = None
    fwhm_px: PerAxis | None = None
    sigma_px: PerAxis | None = None
    shape: tuple[Odd, ...] | None = None

    @model_validator(mode="after")
    def _one_width(self) -> GaussianPsf:
        if sum(w is not None for w in (self.fwhm_um, self.fwhm_px, self.sigma_px)) != 1:
            raise ValueError("give the width once, as fwhm_um, fwhm_px or sigma_px")
        return self


class MicroscopePsf(_Spec):
    """What an aberration-free microscope of this aperture makes of a point.

    `index` is the refractive index of the immersion. In 2-D, `defocus_um` is the distance of the sample
    plane from focus; in 3-D the planes are spaced by the Z pixel size around it. For a confocal microscope,
    `pinhole` is its diameter in Airy units and `excitation_nm` the laser's wavelength (default: that of the
    emission).
    """

    kind: Literal["microscope"] = "microscope"
    na: Positive
    wavelength_nm: Annotated[float, Field(gt=100, lt=3000)]
    index: Annotated[float, Field(ge=1, le=2.5)] = 1.0
    defocus_um: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    modality: Literal["widefield", "confocal"] = "widefield"
    pinhole: Annotated[float, Field(ge=0, le=20)] = 1.0
    excitation_nm: Annotated[float, Field(gt=100, lt=3000)] | None = None
    shape: tuple[Odd, ...] | None = None

    @model_validator(mode="after")
    def _possible(self) -> MicroscopePsf:
        if self.na >= self.index:
            raise ValueError(
                f"a numerical aperture of {self.na:g} needs an immersion of a higher refractive index "
                f"than {self.index:g} (water 1.33, oil 1.52)"
            )
        return self


class BoxPsf(_Spec):
    """A rectangle of equal weights, `size_px` wide: pixels that were averaged."""

    kind: Literal["box"] = "box"
    size_px: PerAxis


class DiscPsf(_Spec):
    """A disc of equal weights: a photo out of focus."""

    kind: Literal["disc"] = "disc"
    radius_px: Positive


class ImagePsf(_Spec):
    """A PSF from an image file, such as the TIFF of a bead; background removed, centred, normalised.

    `pixel_size_um` overrides what the file says; with neither, the file is taken to have the pixel size of
    the images. A relative `path` starts at the folder of the model file.
    """

    kind: Literal["image"] = "image"
    path: Annotated[str, Field(min_length=1, max_length=4096)]
    pixel_size_um: PerAxis | None = None
    background: Annotated[float, Field(allow_inf_nan=False)] | None = None
    shape: tuple[Odd, ...] | None = None


PsfSpec: TypeAlias = Annotated[
    GaussianPsf | MicroscopePsf | BoxPsf | DiscPsf | ImagePsf, Field(discriminator="kind")
]
"""Any PSF in a JSON imaging model, told apart by `kind`."""
