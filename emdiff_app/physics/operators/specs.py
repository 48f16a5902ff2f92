"""What happened to the image before the noise, in words that fit in a JSON file."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from emdiff_app.physics.psf.specs import PsfSpec

__all__ = [
    "BlurSpec",
    "DownsampleSpec",
    "IdentitySpec",
    "MaskSpec",
    "MotionBlurSpec",
    "OperatorSpec",
]

Finite = Annotated[float, Field(allow_inf_nan=False)]
Coordinate = Annotated[float, Field(ge=-2048, le=2048)]


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class IdentitySpec(_Spec):
    """Nothing happened."""

    kind: Literal["identity"] = "identity"


class BlurSpec(_Spec):
    """Convolution with a PSF.

    `boundary` is what lies beyond the recorded field: `crop` (the default) takes it as unknown, as it is;
    `periodic` wraps the image around, which no camera does but closed forms and published tests want.
    """

    kind: Literal["blur"] = "blur"
    psf: PsfSpec
    boundary: Literal["crop", "periodic"] = "crop"


class MotionBlurSpec(_Spec):
    """The image moved in its plane during the exposure, at an even speed.

    Either a straight line (`length_px` or `length_um`, `angle_deg` counted from the X axis towards smaller
    rows: 90 is up) or a drawn `path` of points `[y, x]` in pixels.
    """

    kind: Literal["motion-blur"] = "motion-blur"
    length_px: Annotated[float, Field(gt=0, le=2048)] | None = None
    length_um: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    angle_deg: Finite = 0.0
    path: (
        Annotated[tuple[tuple[Coordinate, Coordinate], ...], Field(min_length=2, max_length=10_000)] | None
    ) = None
    boundary: Literal["crop", "periodic"] = "crop"

    @model_validator(mode="after")
    def _one_way(self) -> MotionBlurSpec:
        if sum(w is not None for w in (self.length_px, self.length_um, self.path)) != 1:
            raise ValueError("give the motion once, as length_px, length_um or path")
        return self


class MaskSpec(_Spec):
    """Some pixels were not recorded.

    `random`: a share `missing` of the pixels, drawn from `seed`. `lines`: of every `step` lines across
    `axis` only the one at `start` was recorded. `image`: the file at `path` (an image or labels) is not
    zero where a pixel was recorded, or, with `invert`, where it was not (a list of dead pixels). `array`:
    the mask comes with each image (`arrays={"mask": ...}`).
    """

    kind: Literal["mask"] = "mask"
    pattern: Literal["random", "lines", "image", "array"] = "random"
    missing: Annotated[float, Field(ge=0, lt=1)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    step: Annotated[int, Field(ge=2, le=1024)] | None = None
    start: Annotated[int, Field(ge=0, le=1023)] = 0
    axis: Literal["Z", "Y", "X"] = "Y"
    path: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    invert: bool = False

    @model_validator(mode="after")
    def _complete(self) -> MaskSpec:
        needed = {"random": "missing", "lines": "step", "image": "path"}.get(self.pattern)
        if needed and getattr(self, needed) is None:
            raise ValueError(f"a mask of the pattern {self.pattern!r} needs {needed!r}")
        if self.step is not None and self.start >= self.step:
            raise ValueError(f"start must be smaller than step ({self.step})")
        return self


class DownsampleSpec(_Spec):
    """Too few pixels: `area` averages blocks of `factor` pixels, `point` keeps one of them.

    One number acts on Y and X; several act on each axis in turn, `[z, y, x]`.
    """

    kind: Literal["downsample"] = "downsample"
    factor: (
        Annotated[int, Field(ge=1, le=64)]
        | Annotated[tuple[Annotated[int, Field(ge=1, le=64)], ...], Field(max_length=3)]
    )
    method: Literal["area", "point"] = "area"


OperatorSpec: TypeAlias = Annotated[
    IdentitySpec | BlurSpec | MotionBlurSpec | MaskSpec | DownsampleSpec, Field(discriminator="kind")
]
"""Any operator in a JSON imaging model, told apart by `kind`."""
