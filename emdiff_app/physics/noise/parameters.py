"""The one form of noise that all the maths uses: how a recorded image scatters about its noise-free level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # torch takes a second to import, and reading a JSON model must not
    import torch

    from emdiff_app.images import IntensityScale

__all__ = ["NoiseParameters", "each_image"]


@dataclass(frozen=True)
class NoiseParameters:
    """`y = gain Poisson((level - offset) / gain) + offset + read_noise n`, with `n ~ N(0, 1)`.

    The one form that all the maths uses. Each parameter is a number, or a tensor with one value per image
    that broadcasts against the images, such as (B, 1, 1, 1). Where `gain` is 0 there is no photon noise:
    `y = level + read_noise n`.
    """

    offset: Any = 0.0
    gain: Any = 0.0
    read_noise: Any = 0.0

    @property
    def depends_on_light(self) -> bool:
        """Whether the noise is stronger where there is more light, in any of the images."""
        return bool(self.gain.any()) if hasattr(self.gain, "any") else self.gain != 0

    def photons(self, level: Any) -> Any:
        """`max(level - offset, 0) / gain`: the mean number of photons behind a noise-free level."""
        return _at_least(level - self.offset, 0.0) / self.gain

    def variance(self, level: Any, floor: float = 0.0) -> Any:
        """`Var[y | level] = gain max(level - offset, 0) + read_noise^2`.

        Below `floor` photons the variance no longer falls: a solver that divides by it needs that
        wherever the read noise may be zero.
        """
        return self.gain * _at_least(level - self.offset, floor * self.gain) + self.read_noise**2

    def simulate(self, level: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Draw a recorded image, with true Poisson counts.

        Every image (along the first axis of three or more) gets a generator of its own (`next_generator`).
        The draws are made where `generator` lives: one of the CPU gives the same noise for any device.
        """
        import torch

        from emdiff_app.physics.random import next_generator

        images = level if level.ndim > 2 else level[None]
        offset, gain, read = (each_image(p, images) for p in (self.offset, self.gain, self.read_noise))
        home = generator.device
        recorded = torch.empty_like(images)
        for i, image in enumerate(images):
            own = next_generator(generator)
            light = image.to(home)
            if bool((gain[i] > 0).any()):
                safe = torch.where(gain[i] > 0, gain[i], 1.0).to(home)
                counts = torch.poisson(((light - offset[i].to(home)) / safe).clamp(min=0), generator=own)
                photons = safe * counts + offset[i].to(home)
                light = torch.where(gain[i].to(home) > 0, photons, light)
            white = torch.randn(image.shape, generator=own, device=home, dtype=images.dtype)
            recorded[i] = light + read[i].to(home) * white
        return recorded.reshape(level.shape)

    def log_likelihood(self, recorded: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        """`log p(y | level)` per pixel, in nats per grey level, differentiable in `level`."""
        from .likelihood import log_likelihood

        return log_likelihood(self, recorded, level)

    def scaled(self, scale: IntensityScale) -> NoiseParameters:
        """The same noise in the units of `scale`, where `recorded = scale.gain * scaled + scale.offset`."""
        return NoiseParameters(
            offset=(self.offset - scale.offset) / scale.gain,
            gain=self.gain / scale.gain,
            read_noise=self.read_noise / scale.gain,
        )

    def to(self, device: Any = None, dtype: Any = None) -> NoiseParameters:
        """The parameters that are tensors, moved."""
        moved = (
            p.to(device=device, dtype=dtype) if hasattr(p, "to") else p
            for p in (self.offset, self.gain, self.read_noise)
        )
        return NoiseParameters(*moved)


def each_image(parameter: Any, images: torch.Tensor) -> torch.Tensor:
    """The parameter as a tensor with one entry (that broadcasts) for every image of the batch."""
    import torch

    full = torch.as_tensor(parameter, dtype=images.dtype, device=images.device)
    return full.reshape((1,) * (images.ndim - full.ndim) + tuple(full.shape)).expand(
        images.shape[0], *([-1] * (images.ndim - 1))
    )


def _at_least(value: Any, floor: Any) -> Any:
    """`max(value, floor)` for numbers, arrays and tensors."""
    if not hasattr(value, "clip"):
        return max(value, floor)
    return value.clip(min=floor)
