"""What a training term learns from: clean or sampled images, recorded ones with their noise, or both."""

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from emdiff_app.errors import EMDiffError
from emdiff_app.physics import Imaging, NoiseParameters

__all__ = ["Batch", "local_mean", "recorded_variance"]


@dataclass(frozen=True, eq=False)
class Batch:
    """Images `(B, C, H, W)`; a term takes the ones that it knows what to do with.

    `recorded` images are sharp: noise, and pixels that were not `observed`, are all that went wrong. `others` are
    further images for each, where a term wants some and must not depend on how a batch is cut.
    """

    clean: Tensor | None = None
    recorded: Tensor | None = None
    noise: NoiseParameters | None = None
    observed: Tensor | None = None
    others: Tensor | None = None

    @classmethod
    def of(cls, imaging: Imaging, recorded: Tensor, clean: Tensor | None = None) -> "Batch":
        """The recorded images of an imaging model that neither blurs nor shrinks."""
        if not imaging.operator.sharp:
            raise EMDiffError(
                "Learning from the recorded pixels themselves works for noise and missing pixels, not for blur or "
                "low resolution; leave these terms out."
            )
        return cls(clean, recorded, imaging.noise, imaging.observed)

    def __len__(self) -> int:
        return len(self.any)

    @property
    def any(self) -> Tensor:
        """The clean images, or the recorded ones where there are none."""
        image = self.clean if self.clean is not None else self.recorded
        if image is None:
            raise ValueError("a batch needs images")
        return image

    @property
    def seen(self) -> Tensor:
        """Which recorded pixels carry information, in their full shape."""
        y = self.recorded_images
        seen = torch.isfinite(y)
        return seen if self.observed is None else seen & self.observed

    @property
    def recorded_images(self) -> Tensor:
        if self.recorded is None:
            raise ValueError("this term learns from recorded images, and the batch has none")
        return self.recorded

    def variance(self) -> Tensor:
        """That of the noise of the recorded images, at the level that they show."""
        if self.noise is None:
            raise ValueError("this term needs to know the noise")
        return recorded_variance(self.noise, self.recorded_images, self.seen)

    def part(self, start: int, stop: int) -> "Batch":
        """Some of the images."""
        count = len(self)
        return self._each(lambda v: v[start:stop] if v.ndim and v.shape[0] == count else v)

    def chosen(self, numbers: Tensor) -> "Batch":
        """The images of these numbers."""
        count = len(self)
        return self._each(lambda v: v[numbers] if v.ndim and v.shape[0] == count else v)

    def moved(self, device: torch.device | str) -> "Batch":
        """All of it on a device, laid out as the network likes it."""

        def laid(v: Tensor) -> Tensor:
            return v.to(device, memory_format=torch.channels_last) if v.ndim == 4 else v.to(device)

        return self._each(laid, least=0)

    def turned(self, flip: bool, quarters: int) -> "Batch":
        """Every image mirrored and turned by right angles alike."""
        return self._each(lambda v: torch.rot90(v.flip(-1) if flip else v, quarters, (-2, -1)), least=2)

    def _each(self, change: Any, least: int = 1) -> "Batch":
        def on(value: Any) -> Any:
            if isinstance(value, NoiseParameters):
                return NoiseParameters(*(on(getattr(value, f.name)) for f in fields(value)))
            return change(value) if isinstance(value, Tensor) and value.ndim >= least else value

        return replace(self, **{f.name: on(getattr(self, f.name)) for f in fields(self)})


def recorded_variance(noise: NoiseParameters, y: Tensor, seen: Tensor) -> Tensor:
    """The noise at the recorded level, which is smoothed first: one dark pixel must not claim to be exact."""
    if not isinstance(noise.gain, Tensor) and noise.gain == 0:
        return torch.as_tensor(noise.read_noise, dtype=y.dtype, device=y.device).square().expand(y.shape)
    variance: Tensor = noise.variance(local_mean(y, seen, 5))
    return variance.clamp_min(1e-8)


def local_mean(y: Tensor, seen: Tensor, side: int) -> Tensor:
    """The mean of the seen pixels in a square (or cube) around each pixel; of all of them where there are none."""
    pool = F.avg_pool2d if y.ndim == 4 else F.avg_pool3d
    weight = seen.expand(y.shape).to(y.dtype)
    y = torch.where(seen, y, 0.0)
    axes = tuple(range(2, y.ndim))
    overall = y.sum(axes, keepdim=True) / weight.sum(axes, keepdim=True).clamp_min(1)
    around = (side // 2,) * 2 * len(axes)  # by hand: the pools refuse volumes of fewer slices than `side`
    total, count = (pool(F.pad(v, around), side, stride=1) for v in (y, weight))
    return torch.where(count > 0, total / count.clamp_min(1e-6), overall)
