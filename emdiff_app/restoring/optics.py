"""The imaging model of a whole plane or volume, made concrete for any block of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from emdiff_app.images import IntensityScale, PixelSize
from emdiff_app.physics import (
    DownsampleSpec,
    Imaging,
    ImagingModel,
    MaskSpec,
    NoiseParameters,
    NoiseSpec,
    bind_noise,
)
from emdiff_app.physics.operators.base import LinearOperator
from emdiff_app.physics.operators.blur import Blur
from emdiff_app.physics.operators.downsample import Downsample
from emdiff_app.physics.operators.mask import Mask
from emdiff_app.physics.simulating import acts_on_volumes

__all__ = ["Block", "Optics", "without_nan_masks"]

Block = tuple[slice, ...]


@dataclass(frozen=True)
class Optics:
    """`model` for recorded images of the size `field`, (Y, X) or (Z, Y, X), in the units of `scale`.

    A model for planes acts on each slice of a volume alike. `noises` is the noise of each plane by its index, where
    they differ.
    """

    model: ImagingModel
    field: tuple[int, ...]
    pixel_size: Mapping[str, PixelSize]
    scale: IntensityScale
    device: torch.device
    noises: Mapping[tuple[int, ...], NoiseSpec] | None = None

    def bind(self, block: Block, index: tuple[int, ...] = ()) -> Imaging:
        """The imaging model for a block of the plane or volume at `index`: the masks and the noise of that place."""
        imaging = self._placed(block)
        return imaging if self.noises is None else replace(imaging, noise=self._noise(index, block))

    def _noise(self, index: tuple[int, ...], block: Block) -> NoiseParameters:
        assert self.noises is not None
        if len(self.field) == 2:
            return self.noises.get(index, self.model.noise).parameters().scaled(self.scale)
        slices = [(*index, z) for z in range(block[0].start, block[0].stop)]
        own = bind_noise([self.noises.get(i, self.model.noise) for i in slices], 3, device=self.device)
        along_z = (p[None, None] for p in (own.offset, own.gain, own.read_noise))
        return NoiseParameters(*along_z).scaled(self.scale)

    def _placed(self, block: Block) -> Imaging:
        arrays: dict[str, Tensor] = {}
        all_of_it = all(s == slice(0, n) for s, n in zip(block, self.field, strict=True))
        if all_of_it and not self._flat:
            return self._whole
        if self.model.operator:
            parts = _parts(self._whole.operator)
            for number, (part, region) in enumerate(
                zip(parts, _regions(parts, block[-self._ndim :]), strict=True)
            ):
                if isinstance(part, Mask):
                    arrays[f"operator[{number}]"] = self._deep(
                        part.mask[(slice(None), slice(None), *region)], block
                    )
                elif isinstance(part, Blur) and self._flat:
                    arrays[f"operator[{number}]"] = part.psf[:, :, None]
        return self._bound(tuple(s.stop - s.start for s in block), arrays)

    @cached_property
    def factors(self) -> tuple[int, ...]:
        """How many restored pixels stand in the place of a recorded one along each axis."""
        corner = self._whole.operator.window(tuple(slice(0, 1) for _ in self._whole.field))
        return self._outer(1) + tuple(w.stop - w.start for w in corner)

    @cached_property
    def margins(self) -> tuple[int, ...]:
        """How many recorded pixels away light may come from."""
        factors = self.factors[-self._ndim :]
        whole = zip(self._whole.domain, self._whole.field, factors, strict=True)
        return self._outer(0) + tuple(-(-(n - f * m) // (2 * f)) for n, m, f in whole)

    @property
    def divisible(self) -> bool:
        """Whether a block can be restored without the rest: not where the model wraps the image around."""
        return not any(getattr(o, "boundary", "crop") == "periodic" for o in self.model.operator)

    @property
    def place(self) -> tuple[float, ...]:
        """Where the first restored pixel lies, in restored pixels from the centre of the first recorded one."""
        at = [0.0] * len(self.field)
        for spec in reversed(self.model.operator):
            if isinstance(spec, DownsampleSpec):
                wide = spec.factor if isinstance(spec.factor, tuple) else (spec.factor,) * 2
                inside = [f // 2 if spec.method == "point" else (f - 1) / 2 for f in wide]
                first = len(at) - len(wide)
                at[first:] = [f * a + i for f, a, i in zip(wide, at[first:], inside, strict=True)]
        return tuple(0.0 - a for a in at)

    @property
    def _flat(self) -> bool:
        """Whether a model for planes is to act on volumes."""
        return len(self.field) == 3 and not acts_on_volumes(self.model)

    @property
    def _ndim(self) -> int:
        return 2 if self._flat else len(self.field)

    def _outer(self, value: int) -> tuple[int, ...]:
        return (value,) * (len(self.field) - self._ndim)

    @property
    def example(self) -> Imaging:
        """The model as it is for an image, of whatever size."""
        return self._whole

    @cached_property
    def _whole(self) -> Imaging:
        """On the whole field: of one slice where the model is for planes."""
        return self._bound(self.field[-self._ndim :], {})

    def _deep(self, mask: Tensor, block: Block) -> Tensor:
        depth = block[0].stop - block[0].start
        return mask[:, :, None].expand(-1, -1, depth, -1, -1) if self._flat else mask

    def _bound(self, field: Sequence[int], arrays: Mapping[str, Tensor]) -> Imaging:
        return self.model.bind(
            tuple(field), pixel_size=self.pixel_size, scale=self.scale, device=self.device, arrays=arrays
        )


def _parts(operator: LinearOperator) -> tuple[LinearOperator, ...]:
    parts: tuple[LinearOperator, ...] = getattr(operator, "parts", (operator,))
    return parts


def _regions(parts: Sequence[LinearOperator], block: Block) -> list[Block]:
    """Which region of each part's field a block of the last one's field needs."""
    regions: list[Block] = []
    for part in reversed(parts):
        regions.insert(0, block)
        if isinstance(part, Blur) and part.boundary == "crop":
            block = tuple(slice(s.start, s.stop + 2 * r) for s, r in zip(block, part.radius, strict=True))
        elif isinstance(part, Downsample):
            block = tuple(slice(s.start * f, s.stop * f) for s, f in zip(block, part.factors, strict=True))
    return regions


def without_nan_masks(model: ImagingModel) -> ImagingModel:
    """Masks that come with the images are known by pixels that are no numbers: those are missing anyway."""
    last = model.operator[-1] if model.operator else None
    if isinstance(last, MaskSpec) and last.pattern == "array":
        return without_nan_masks(model.model_copy(update={"operator": model.operator[:-1]}))
    return model
