"""What every method is given: recorded images, and how they came about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from emdiff_app.diffusion.batch import recorded_variance
from emdiff_app.physics import Imaging, NoiseParameters
from emdiff_app.physics.noise.parameters import each_image
from emdiff_app.physics.operators.base import LinearOperator
from emdiff_app.physics.operators.blur import Blur
from emdiff_app.physics.operators.downsample import Downsample

__all__ = ["Recorded"]


@dataclass(frozen=True, eq=False)
class Recorded:
    """Images `(B, C, Y, X)`; NaN is a missing pixel.

    `smaller` binds the same optics and noise, without masks, to a smaller field.
    """

    y: Tensor
    imaging: Imaging
    smaller: Callable[[tuple[int, ...]], Imaging] | None = None

    @property
    def seen(self) -> Tensor:
        """Which pixels carry information, in their full shape."""
        seen = torch.isfinite(self.y)
        return seen if self.imaging.observed is None else seen & self.imaging.observed

    @property
    def filled(self) -> Tensor:
        """The images with 0 where nothing was seen."""
        return torch.where(self.seen, self.y, 0.0)

    @property
    def variance(self) -> Tensor:
        """That of the noise, at the level that the images show."""
        return recorded_variance(self.imaging.noise, self.filled, self.seen).expand(self.y.shape)

    @property
    def photons(self) -> bool:
        """Whether the noise is that of photons, so that darkness has a known level."""
        return bool((torch.as_tensor(self.imaging.noise.gain) > 0).any())

    @property
    def blurred(self) -> bool:
        return any(isinstance(part, Blur | Downsample) for part in self._parts)

    @property
    def shrunk(self) -> bool:
        return any(isinstance(part, Downsample) for part in self._parts)

    def dark(self, level: float | None) -> Tensor | None:
        """The level of no light: as told, or the camera's offset; nobody knows it where the noise is white."""
        if level is not None:
            return self.y.new_full((), level)
        return torch.as_tensor(self.imaging.noise.offset).to(self.y) if self.photons else None

    def noise_of(self, number: int) -> NoiseParameters:
        """The noise of one image, as numbers."""
        own = self.imaging.noise
        return NoiseParameters(
            *(
                float(each_image(p, self.y)[number].flatten()[0])
                for p in (own.offset, own.gain, own.read_noise)
            )
        )

    @property
    def _parts(self) -> tuple[LinearOperator, ...]:
        return getattr(self.imaging.operator, "parts", (self.imaging.operator,))
