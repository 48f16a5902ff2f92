"""Noise: how a recorded image scatters about the noise-free level `A x` that the optics delivered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:  # torch takes a second to import, and reading a JSON model must not
    import torch

    from emdiff_app.images import IntensityScale

__all__ = [
    "GaussianNoise",
    "NoiseParameters",
    "NoiseSpec",
    "PoissonGaussianNoise",
    "bind_noise",
    "each_image",
]


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

        Every image (along the first axis of three or more) gets a seed of its own from `generator`, so that
        its noise does not depend on its neighbours in the batch, nor on how a dataset is cut into batches.
        The draws are made where the generator lives: a CPU generator gives the same noise for any device.
        """
        import torch

        images = level if level.ndim > 2 else level[None]
        offset, gain, read = (each_image(p, images) for p in (self.offset, self.gain, self.read_noise))
        home = generator.device
        recorded = torch.empty_like(images)
        for i, image in enumerate(images):
            own = torch.Generator(home)
            own.manual_seed(int(torch.randint(2**62, (), generator=generator, device=home)))
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


class _Spec(BaseModel):
    """What both kinds share: the maths is that of `NoiseParameters`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def parameters(self) -> NoiseParameters:
        raise NotImplementedError

    def variance(self, level: Any, floor: float = 0.0) -> Any:
        """The variance of what is recorded where the noise-free level (offset included) is `level`."""
        return self.parameters().variance(level, floor)

    def simulate(self, level: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """A recorded image for a noise-free one; see `NoiseParameters.simulate`."""
        return self.parameters().simulate(level, generator)

    def log_likelihood(self, recorded: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        """`log p(recorded | level)` per pixel."""
        return self.parameters().log_likelihood(recorded, level)


class GaussianNoise(_Spec):
    """`y = level + sigma n`: the same scatter everywhere."""

    kind: Literal["gaussian"] = "gaussian"
    sigma: float = Field(gt=0, allow_inf_nan=False)

    def parameters(self) -> NoiseParameters:
        return NoiseParameters(read_noise=self.sigma)

    def photons(self, level: Any) -> None:
        """None: Gaussian noise says nothing about photons."""

    def scaled(self, scale: IntensityScale) -> GaussianNoise:
        """The same noise in the prior's units."""
        return GaussianNoise(sigma=self.sigma / scale.gain)


class PoissonGaussianNoise(_Spec):
    """`y = gain Poisson((level - offset) / gain) + offset + read_noise n`: photons, then the camera.

    `gain` is in grey levels per photon, `read_noise` (standard deviation) and `offset` in grey levels.
    """

    kind: Literal["poisson-gaussian"] = "poisson-gaussian"
    offset: float = Field(default=0.0, allow_inf_nan=False)
    gain: float = Field(gt=0, allow_inf_nan=False)
    read_noise: float = Field(default=0.0, ge=0, allow_inf_nan=False)

    def parameters(self) -> NoiseParameters:
        return NoiseParameters(self.offset, self.gain, self.read_noise)

    def photons(self, level: Any) -> Any:
        """The mean number of photons behind a noise-free level."""
        return self.parameters().photons(level)

    def scaled(self, scale: IntensityScale) -> PoissonGaussianNoise:
        """The same noise in the prior's units."""
        own = self.parameters().scaled(scale)
        return PoissonGaussianNoise(offset=own.offset, gain=own.gain, read_noise=own.read_noise)


NoiseSpec: TypeAlias = Annotated[GaussianNoise | PoissonGaussianNoise, Field(discriminator="kind")]
"""Any noise in a JSON imaging model, told apart by `kind`."""


def bind_noise(
    specs: Sequence[GaussianNoise | PoissonGaussianNoise], ndim: int = 4, **where: Any
) -> NoiseParameters:
    """One noise per image of a batch with `ndim` axes; kinds may be mixed. `where`: dtype and device."""
    import torch

    own = [spec.parameters() for spec in specs]
    shape = (len(own),) + (1,) * (ndim - 1)
    return NoiseParameters(
        *(
            torch.tensor([float(getattr(p, name)) for p in own], **where).reshape(shape)
            for name in ("offset", "gain", "read_noise")
        )
    )


def _at_least(value: Any, floor: Any) -> Any:
    """`max(value, floor)` for numbers, arrays and tensors."""
    if not hasattr(value, "clip"):
        return max(value, floor)
    return value.clip(min=floor)


def each_image(parameter: Any, images: torch.Tensor) -> torch.Tensor:
    """The parameter as a tensor with one entry (that broadcasts) for every image of the batch."""
    import torch

    full = torch.as_tensor(parameter, dtype=images.dtype, device=images.device)
    return full.reshape((1,) * (images.ndim - full.ndim) + tuple(full.shape)).expand(
        images.shape[0], *([-1] * (images.ndim - 1))
    )
