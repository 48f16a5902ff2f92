"""From the words of a model file to operators on images of a given size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from emdiff_app.errors import PhysicsError
from emdiff_app.images import PixelSize
from emdiff_app.physics.files import Place, read_image
from emdiff_app.physics.psf import check_psf, motion_psf, psf_array

from .base import Composition, Identity, LinearOperator, Shape
from .blur import Blur
from .downsample import Downsample
from .mask import Mask, line_mask, random_mask
from .specs import BlurSpec, DownsampleSpec, IdentitySpec, MaskSpec, MotionBlurSpec, OperatorSpec

__all__ = ["Surroundings", "bind_operator", "downsampling", "extent"]


@dataclass(frozen=True)
class Surroundings:
    """What the words of a model mean here: the pixel size, the files' folder, the per-image arrays."""

    pixel_size: Mapping[str, PixelSize] = field(default_factory=dict)
    place: Place = field(default_factory=Place)
    arrays: Mapping[str, Tensor] = field(default_factory=dict)
    device: torch.device | str = "cpu"
    dtype: torch.dtype = torch.float32

    def array(self, kind: str, number: int) -> Tensor | None:
        """The per-image tensor for the operator with this number: under its own name or the kind's."""
        given = self.arrays.get(f"operator[{number}]", self.arrays.get(kind))
        return None if given is None else given.to(self.device)

    def finer(self, factors: Shape) -> Mapping[str, PixelSize]:
        """The pixel size before downsampling by `factors`."""
        axes = "ZYX"[-len(factors) :]
        divide = dict(zip(axes, factors, strict=True))
        return {a: PixelSize(p.value / divide.get(a, 1), p.unit) for a, p in self.pixel_size.items()}


def bind_operator(specs: Sequence[OperatorSpec], shape: Shape, here: Surroundings) -> LinearOperator:
    """The chain of `specs` that ends on images of `shape`; built from the last to the first."""
    parts: list[LinearOperator] = []
    for number in reversed(range(len(specs))):
        spec = specs[number]
        part = _bind(spec, shape, here, number)
        if isinstance(part, Downsample):
            here = replace(here, pixel_size=here.finer(part.factors))
        parts.insert(0, part)
        shape = part.domain
    if not parts:
        return Identity(shape)
    return parts[0] if len(parts) == 1 else Composition(parts)


def _bind(spec: OperatorSpec, shape: Shape, here: Surroundings, number: int) -> LinearOperator:
    where = f"operator[{number}]"
    match spec:
        case IdentitySpec():
            return Identity(shape)
        case BlurSpec() | MotionBlurSpec():
            psf = _psf(spec, len(shape), here, number)
            for image in psf.reshape(-1, *psf.shape[2:]):
                check_psf(image.cpu().numpy(), field=shape, where=where)
            return Blur(shape, psf.to(here.device, here.dtype), spec.boundary)
        case MaskSpec():
            mask = here.array("mask", number)
            if mask is None:
                mask = torch.from_numpy(_mask(spec, shape, here, where)).to(here.device)
            if tuple(mask.shape[-len(shape) :]) != shape:
                raise PhysicsError(
                    f"{where}: the mask has {_by(mask.shape[-len(shape) :])} pixels and the image has {_by(shape)}; "
                    "nothing was changed. Use a mask of the image's size."
                )
            return Mask(mask)
        case DownsampleSpec():
            return Downsample(shape, _factors(spec, len(shape), where), spec.method)


def _psf(spec: BlurSpec | MotionBlurSpec, ndim: int, here: Surroundings, number: int) -> Tensor:
    """The PSF as (1 or B, 1 or C, *spatial), from the images' own arrays or from the words."""
    given = here.array("psf", number)
    if given is not None:
        return given
    try:
        if isinstance(spec, MotionBlurSpec):
            made = motion_psf(spec, pixel_size=here.pixel_size, ndim=ndim)
        else:
            made = psf_array(spec.psf, pixel_size=here.pixel_size, ndim=ndim, place=here.place)
    except PhysicsError as error:
        raise PhysicsError(f"operator[{number}].{error}") from error
    return torch.from_numpy(np.ascontiguousarray(made))[None, None]


def _mask(spec: MaskSpec, shape: Shape, here: Surroundings, where: str) -> np.ndarray[Any, Any]:
    if spec.pattern == "random":
        assert spec.missing is not None  # the spec's own validator
        return random_mask(shape, spec.missing, spec.seed)
    if spec.pattern == "lines":
        assert spec.step is not None
        axes = "ZYX"[-len(shape) :]
        if spec.axis not in axes:
            raise PhysicsError(f"{where}.axis: there is no axis {spec.axis} in flat images; use Y or X.")
        return line_mask(shape, spec.step, spec.start, axes.index(spec.axis))
    if spec.pattern == "image":
        assert spec.path is not None
        return (read_image(spec.path, here.place, where)[0] != 0) ^ spec.invert
    raise PhysicsError(
        f"{where}: this model takes its mask from each image, and none came with this one; nothing was changed. "
        "Give the mask along with the image, or write a mask file into the model."
    )


def _factors(spec: DownsampleSpec, ndim: int, where: str) -> Shape:
    if isinstance(spec.factor, int):
        return (1,) * (ndim - 2) + (spec.factor,) * 2
    if len(spec.factor) != ndim:
        raise PhysicsError(
            f"{where}.factor: {len(spec.factor)} factors for images of {ndim} axes; give one number, or {ndim}."
        )
    return spec.factor


def _by(shape: Sequence[int]) -> str:
    return " x ".join(str(n) for n in shape)


def downsampling(specs: Sequence[OperatorSpec], ndim: int) -> Shape:
    """How many pixels of the domain one recorded pixel covers, along each axis."""
    factors = (1,) * ndim
    for number, spec in enumerate(specs):
        if isinstance(spec, DownsampleSpec):
            own = _factors(spec, ndim, f"operator[{number}]")
            factors = tuple(f * o for f, o in zip(factors, own, strict=True))
    return factors


def extent(specs: Sequence[OperatorSpec], ndim: int, here: Surroundings) -> tuple[Shape, Shape]:
    """Factors and margins of `domain = factor * field + margin`, along each axis."""
    factors, margins = (1,) * ndim, (0,) * ndim
    for number in reversed(range(len(specs))):
        spec = specs[number]
        if isinstance(spec, DownsampleSpec):
            own = _factors(spec, ndim, f"operator[{number}]")
            factors = tuple(f * o for f, o in zip(factors, own, strict=True))
            margins = tuple(m * o for m, o in zip(margins, own, strict=True))
            here = replace(here, pixel_size=here.finer(own))
        elif isinstance(spec, BlurSpec | MotionBlurSpec) and spec.boundary == "crop":
            psf = _psf(spec, ndim, here, number)
            margins = tuple(m + n - 1 for m, n in zip(margins, psf.shape[-ndim:], strict=True))
    return factors, margins
