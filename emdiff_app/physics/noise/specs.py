"""What the noise is, in words that fit in a JSON file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from .parameters import NoiseParameters

if TYPE_CHECKING:  # torch takes a second to import, and reading a JSON model must not
    import torch

    from emdiff_app.images import IntensityScale

__all__ = ["GaussianNoise", "NoiseSpec", "PoissonGaussianNoise"]


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

    @property
    def in_words(self) -> str:
        """The numbers, for a person."""
        return f"Gaussian, sigma {self.sigma:.4g}"

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

    @property
    def in_words(self) -> str:
        """The numbers, for a person."""
        return f"offset {self.offset:.4g}, gain {self.gain:.3g}, read noise {self.read_noise:.3g}"

    def photons(self, level: Any) -> Any:
        """The mean number of photons behind a noise-free level."""
        return self.parameters().photons(level)

    def scaled(self, scale: IntensityScale) -> PoissonGaussianNoise:
        """The same noise in the prior's units."""
        own = self.parameters().scaled(scale)
        return PoissonGaussianNoise(offset=own.offset, gain=own.gain, read_noise=own.read_noise)


NoiseSpec: TypeAlias = Annotated[GaussianNoise | PoissonGaussianNoise, Field(discriminator="kind")]
"""Any noise in a JSON imaging model, told apart by `kind`."""
