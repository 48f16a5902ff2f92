"""The card of a prior: what it is, what it learned from, who made it. No torch is needed to read one."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from emdiff_app.images import IntensityScale
from emdiff_app.physics import ImagingModel

__all__ = ["SCHEMA", "Card", "Training"]

SCHEMA = 1
"""The version of the file format that this program writes; older ones are read for ever."""


class Training(BaseModel):
    """How the prior was learned, as far as it says anything about it."""

    model_config = ConfigDict(frozen=True)

    images: tuple[str, ...] = Field(default=(), max_length=10_000)
    crops: int = 0
    rounds: int = 0
    held_out: tuple[float, ...] = Field(default=(), max_length=10_000)
    notices: tuple[str, ...] = Field(default=(), max_length=1000)


class Card(BaseModel):
    """Everything about a prior but its weights."""

    model_config = ConfigDict(frozen=True)

    schema_version: int = SCHEMA
    architecture: Literal["emdiff-unet"] = "emdiff-unet"
    architecture_version: int = 1
    size: str = Field(max_length=40)
    channels: int = Field(ge=1, le=64)
    sigma_data: float = Field(gt=0, allow_inf_nan=False)
    mean: float = Field(allow_inf_nan=False)
    scale: IntensityScale
    axes: str = Field(default="YX", max_length=8)
    pixel_size_um: dict[str, float] = Field(default_factory=dict, max_length=8)
    model: ImagingModel = Field(description="The imaging model of the images that it was learned from.")
    training: Training = Training()
    name: str = Field(default="", max_length=200)
    author: str = Field(default="", max_length=200)
    licence: str = Field(default="", max_length=200)
    versions: dict[str, str] = Field(default_factory=dict, max_length=50)
    weights_sha256: str = Field(default="", max_length=64)
