"""The imaging model of every single crop: its own noise and its own part of the mask, where they differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from emdiff_app.images import IntensityScale, Stack
from emdiff_app.physics import (
    Imaging,
    ImagingModel,
    MaskSpec,
    NoiseParameters,
    NoiseSpec,
    bind_noise,
    noise_by_plane,
)

from .places import Place

__all__ = ["Binding", "Noises", "noises_of"]

Noises = Mapping[tuple[int, tuple[int, ...]], NoiseSpec]
"""The noise of each plane: of stack number n, at an index."""


@dataclass(frozen=True)
class Binding:
    """`of(places, y)` is the imaging model of these recorded crops; `one` that of any, where all are alike."""

    model: ImagingModel
    stacks: Sequence[Stack]
    side: int
    scale: IntensityScale
    device: torch.device
    noises: Noises | None = None
    _masks: dict[int, Tensor] = field(default_factory=dict)

    @property
    def one(self) -> Imaging:
        """For a crop that is all there and has the noise that the model states."""
        whole = torch.ones(1, 1, self.side, self.side, dtype=torch.bool, device=self.device)
        return self._bound((self.side, self.side), 0, whole if self.masked else None)

    @property
    def masked(self) -> bool:
        return any(isinstance(o, MaskSpec) for o in self.model.operator)

    @property
    def by_nan(self) -> bool:
        """Whether pixels that are not finite are those that were not recorded."""
        return any(isinstance(o, MaskSpec) and o.pattern == "array" for o in self.model.operator)

    def of(self, places: Sequence[Place], y: Tensor) -> Imaging:
        mask = self._mask(places, y) if self.masked else None
        imaging = self._bound((self.side, self.side), places[0].stack, mask)
        return replace(imaging, noise=self.noise_of(places))

    def noise_of(self, places: Sequence[Place]) -> NoiseParameters:
        """In the prior's units; one value of each parameter for every crop where images differ."""
        if self.noises is None:
            return self.model.noise.parameters().scaled(self.scale)
        specs = [self.noises.get((p.stack, p.index), self.model.noise) for p in places]
        return bind_noise(specs, device=self.device).scaled(self.scale)

    def _bound(self, shape: tuple[int, ...], stack: int, mask: Tensor | None = None) -> Imaging:
        return self.model.bind(
            shape,
            pixel_size=self.stacks[stack].pixel_size,
            scale=self.scale,
            device=self.device,
            arrays=None if mask is None else {"mask": mask},
        )

    def _mask(self, places: Sequence[Place], y: Tensor) -> Tensor:
        """Which pixels of each crop were recorded, `(B, 1, side, side)`."""
        if self.by_nan:
            return torch.isfinite(y).all(1, keepdim=True)
        cut = [
            self._whole_mask(p.stack)[:, p.row : p.row + self.side, p.column : p.column + self.side]
            for p in places
        ]
        return torch.stack(cut)

    def _whole_mask(self, stack: int) -> Tensor:
        """That of a whole plane `(1, Y, X)`; drawn by its size, so equal planes share it."""
        if stack not in self._masks:
            shape = tuple(self.stacks[stack].sizes[axis] for axis in "YX")
            seen = self._bound(shape, stack).observed
            every = torch.ones(1, *shape, dtype=torch.bool, device=self.device)
            self._masks[stack] = every if seen is None else seen[0]
        return self._masks[stack]


def noises_of(stacks: Sequence[Stack], model: ImagingModel, answer: str, seed: int) -> Noises | None:
    """The noise of each plane, measured, where planes were stretched one by one; None where one noise holds for all.

    With the `answer` auto only where every one of the stacks looks stretched.
    """
    found: dict[tuple[int, tuple[int, ...]], NoiseSpec] = {}
    for number, stack in enumerate(stacks):
        own = noise_by_plane(stack, model, answer, seed)
        if own is None:
            return None
        found.update({(number, index): noise for index, noise in own.items()})
    return found
