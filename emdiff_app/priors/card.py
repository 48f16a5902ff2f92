"""The card of a prior: what it is, what it learned from, who made it. No torch is needed to read one."""

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from emdiff_app.images import IntensityScale
from emdiff_app.physics import ImagingModel

__all__ = ["SCHEMA", "Card", "Network", "Training"]

SCHEMA = 1
"""The version of the file format that this program writes; older ones are read for ever."""
MOST_IMAGES = 1000
"""So many of the images that it learned from are named on a card; of the others it keeps the number."""


def _one_line(text: Any) -> Any:
    """Words that a terminal may print: a stranger's could move its cursor or pretend to be its lines."""
    return "".join(c if c.isprintable() else " " for c in text) if isinstance(text, str) else text


def _finite_or_none(score: Any) -> Any:
    return None if isinstance(score, float) and not math.isfinite(score) else score


Words = Annotated[str, BeforeValidator(_one_line), Field(max_length=400)]
Score = Annotated[float | None, BeforeValidator(_finite_or_none)]
Count = Annotated[int, Field(ge=0, le=10**15)]
Axis = Annotated[str, Field(pattern="^[TCZYX]$")]
Length = Annotated[float, Field(gt=0, lt=1e9)]


class Network(BaseModel):
    """A network by name, version and arguments: enough to build it whatever tables of sizes say later."""

    model_config = ConfigDict(frozen=True)

    name: Words
    version: Annotated[int, Field(ge=1, le=10**6)]
    arguments: dict[str, Any] = Field(max_length=32)


class Training(BaseModel):
    """How the prior was learned, as far as it says anything about it."""

    model_config = ConfigDict(frozen=True)

    images: tuple[Words, ...] = Field(default=(), max_length=MOST_IMAGES + 1)
    crops: Count = 0
    rounds: Count = 0
    held_out: tuple[Score, ...] = Field(default=(), max_length=10_000)
    notices: tuple[Words, ...] = Field(default=(), max_length=1000)

    @field_validator("images", mode="before")
    @classmethod
    def _first_names(cls, names: Any) -> Any:
        if not isinstance(names, tuple | list) or len(names) <= MOST_IMAGES + 1:
            return names
        return (*names[:MOST_IMAGES], f"and {len(names) - MOST_IMAGES} more")


class Card(BaseModel):
    """Everything about a prior but its weights.

    `network`, `versions`, `written` and `sha256` are filled in when the file is written; `size` is only
    the word by which its author called the network.
    """

    model_config = ConfigDict(frozen=True)

    schema_version: int = Field(default=SCHEMA, ge=SCHEMA, le=SCHEMA)
    network: Network | None = None
    size: Words
    channels: int = Field(ge=1, le=64)
    sigma_data: float = Field(gt=1e-12, lt=1e12)
    mean: float = Field(gt=-1e12, lt=1e12)
    takes_maps: bool = Field(default=False, description="Whether it was trained with noise maps.")
    estimate: Literal["samples", "one-pass"] = Field(
        default="samples",
        description="What restores best: the mean of samples, or one pass from the neighbours.",
    )
    scale: IntensityScale
    axes: str = Field(default="YX", pattern="^[TCZYXS]{1,6}$")
    pixel_size_um: dict[Axis, Length] = Field(default_factory=dict)
    model: ImagingModel = Field(description="The imaging model of the images that it was learned from.")
    training: Training = Training()
    name: Words = ""
    author: Words = ""
    licence: Words = ""
    written: Words = ""
    versions: dict[Words, Words] = Field(default_factory=dict, max_length=50)
    sha256: dict[Words, Words] = Field(default_factory=dict, max_length=8)

    @field_validator("scale")
    @classmethod
    def _usable(cls, scale: IntensityScale) -> IntensityScale:
        if not 1e-30 < scale.gain < 1e30 or abs(scale.offset) > 1e30:
            raise ValueError("no image has grey levels of this size")
        return scale
