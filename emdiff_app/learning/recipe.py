"""The recipe of a run: every choice with its default and a sentence that explains it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from emdiff_app.physics import ImagingModel

__all__ = ["PRESETS", "Preset", "Recipe"]

Preset = Literal["quick", "standard", "best"]
Size = Literal["tiny", "small", "standard", "large"]


class Recipe(BaseModel):
    """What to learn from, how long, and with which network."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = Field(default=1, ge=1, le=1, description="The version of this form.")
    stacks: tuple[str, ...] = Field(min_length=1, description="The corrupted images, as files or folders.")
    channel: int | str | None = Field(default=None, description="The channel to learn, by number or name.")
    axes: str | None = Field(default=None, description="The axes, where the files do not say them.")
    pixel_size_um: float | None = Field(
        None, gt=0, description="The pixel size, where the files do not say it."
    )
    model: ImagingModel = Field(description="How the clean images became the recorded ones.")

    size: Size = Field(
        default="small", description="How large the network is; larger learns more and more slowly."
    )
    rounds: int = Field(
        default=4, ge=1, le=1000, description="How often to restore the crops and learn from them."
    )
    crops: int = Field(default=512, ge=8, description="How many crops of the images are restored in a round.")
    crop: int = Field(
        default=64, ge=16, le=1024, description="The side of a crop, in pixels of the recorded image."
    )
    held_out: int = Field(default=8, ge=1, description="How many crops are kept aside to judge the prior.")
    batch: int = Field(default=16, ge=1, description="How many crops are learned from at once.")
    first_steps: int = Field(default=400, ge=1, description="Optimiser steps on the Gaussian start.")
    steps: int = Field(default=300, ge=1, description="Optimiser steps in each round.")
    sampler_steps: int = Field(default=20, ge=2, description="Steps of the sampler that restores the crops.")
    learning_rate: float = Field(default=1e-3, gt=0, le=0.1, description="How boldly the network is changed.")
    gaussian_rounds: int = Field(default=6, ge=1, le=64, description="Rounds of the Gaussian start.")
    time_limit_min: float | None = Field(
        default=None, gt=0, description="Stop and keep after so many minutes."
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="How exactly the network computes; auto takes bfloat16 where it pays."
    )
    save_every_s: float = Field(
        default=120.0, ge=0, description="While the prior is trained, it is saved after so many seconds."
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(default="auto", description="Where to compute.")
    seed: int = Field(default=0, ge=0, description="The same seed gives the same run.")


PRESETS: dict[Preset, dict[str, int | str]] = {
    "quick": {"size": "tiny", "rounds": 4, "crops": 256, "crop": 48, "first_steps": 500, "steps": 400},
    "standard": {"size": "small", "rounds": 5, "crops": 768, "crop": 64, "first_steps": 600, "steps": 500},
    "best": {"size": "standard", "rounds": 10, "crops": 4096, "crop": 64, "first_steps": 3000, "steps": 2000},
}
"""What the presets change; everything else keeps its default."""
