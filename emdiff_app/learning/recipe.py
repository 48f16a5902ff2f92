"""The recipe of a run: every choice with its default and a sentence that explains it."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from emdiff_app.physics import ImagingModel

__all__ = ["DRAWN", "FROM_PIXELS", "PRESETS", "Preset", "Recipe"]

Preset = Literal["quick", "standard", "best", "emdiffusion"]
Size = Literal["tiny", "small", "standard", "large"]
Anchor = Literal["auto", "none", "hidden-pixels", "noise-above", "sure", "further-masking"]
Start = Literal["auto", "gaussian", "hidden-pixels", "one-look", "denoised"]
FROM_PIXELS = ("hidden-pixels", "one-look")
"""Starts that learn from the recorded pixels alone, before any sample is drawn."""
DRAWN = ("gaussian", "clean", "denoised")
"""Those that begin with samples of a Gaussian; somebody's prior needs none either."""
Answer = Literal["auto", "yes", "no"]


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
    noise_per_image: Answer = Field(
        default="auto",
        description="Whether each image has its own noise, which is then measured; auto: where each was stretched.",
    )

    clean: tuple[str, ...] = Field(
        default=(),
        description="A few clean images of the same kind: learned from at the start and in every round.",
    )
    similar: tuple[str, ...] = Field(
        default=(), description="Clean images of another kind: learned from at the start only."
    )
    prior: str | None = Field(default=None, description="A prior to start from, such as a colleague's.")
    start: Start = Field(
        default="auto",
        description="What to start from when there is nothing else: a Gaussian fitted to the images, pixels predicted "
        "from their neighbours, Stein's estimate of the error at the noise's own level, or a Gaussian fitted to images "
        "that were denoised; auto: the second for a camera's noise, the third for white noise, the last under blur.",
    )
    clean_share: float = Field(
        default=0.15,
        ge=0,
        le=1,
        description="The share of every batch that is clean images, where there are any.",
    )
    first_clean_share: float = Field(
        default=0.5, ge=0, le=1, description="The same at the start, beside samples of the Gaussian."
    )
    clean_steps: int = Field(default=1500, ge=1, description="Optimiser steps on clean images at the start.")

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
    tries: int = Field(
        default=1, ge=1, le=16, description="Of so many places the one with the most to see becomes a crop."
    )
    first_share: float = Field(
        default=1.0, gt=0, le=1, description="The share of the crops that the first round restores."
    )
    last_share: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="The share in the last round; it grows evenly from round to round.",
    )
    held_out: int = Field(default=8, ge=1, description="How many crops are kept aside to judge the prior.")

    sampler: str = Field(
        default="auto", description="What restores the crops; auto chooses by the imaging model."
    )
    caution: float = Field(
        default=0.3,
        gt=0,
        le=1,
        description="Under blur, begun with a Gaussian, how unsure of itself the prior is taken to be at first, as a "
        "share of what a Gaussian would be: below 1 a run learns faster, and detail that no image shows fades.",
    )
    cautious_rounds: int = Field(
        default=2, ge=0, description="For so many rounds; then the samples have the right spread."
    )
    sampler_steps: int = Field(default=20, ge=2, description="Steps of the sampler that restores the crops.")
    step_size: float = Field(
        default=1.0,
        gt=0,
        le=10,
        description="Of the sampler dps alone: how far each step follows the data; 1 is the published step.",
    )
    first_weight: float = Field(
        default=1.0,
        gt=0,
        le=10,
        description="How much the data weigh in the first round: below 1 they are tempered; it ends at 1.",
    )
    absurd: float = Field(
        default=3.0,
        gt=1,
        description="Samples whose chi2 is above this and above twice the usual are left out.",
    )

    batch: int = Field(default=16, ge=1, description="How many crops are learned from at once.")
    first_steps: int = Field(default=400, ge=1, description="Optimiser steps on what the run starts from.")
    hidden_steps: int = Field(
        default=4000,
        ge=1,
        description="Optimiser steps of a start from the recorded pixels alone, where there is noise and no blur.",
    )
    neighbour_steps: int = Field(
        default=3000,
        ge=1,
        description="Optimiser steps of the round after such a start, in which the network learns all levels of noise.",
    )
    denoising_steps: int = Field(
        default=400,
        ge=1,
        description="Optimiser steps on denoising the images, where a run starts from that.",
    )
    denoised_rounds: int = Field(
        default=4,
        ge=0,
        description="Where a run starts from denoised images: for so many rounds samples are drawn from these, which "
        "EM learns from much faster; then from the recorded ones.",
    )
    steps: int = Field(default=300, ge=1, description="Optimiser steps in each round.")
    scratch_rounds: int = Field(
        default=0, ge=0, le=10, description="Rounds at the end that train fresh weights on all crops."
    )
    scratch_steps: int = Field(default=3000, ge=1, description="Optimiser steps in each of these.")
    learning_rate: float = Field(default=1e-3, gt=0, le=0.1, description="How boldly the network is changed.")
    decay: bool = Field(default=True, description="Whether it becomes gentler towards the end of each round.")
    memory: int = Field(
        default=100, ge=1, description="Over how many steps the weights are averaged for sampling."
    )
    anchor: Anchor = Field(
        default="auto",
        description="What is learned from the recorded pixels themselves, beside the samples; auto: what fits.",
    )
    anchor_share: float = Field(
        default=0.5, ge=0, le=1, description="The share of the steps that do so, where it fits."
    )
    turns: Answer = Field(
        default="auto",
        description="Whether images are flipped and turned; auto: unless the physics has a direction.",
    )

    gaussian_rounds: int = Field(default=6, ge=1, le=64, description="Rounds of the Gaussian start.")
    patience: int = Field(
        default=0,
        ge=0,
        description="Stop after so many rounds whose held-out score is clearly worse than the best; 0: never.",
    )
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

    def share(self, round: int) -> float:
        """The share of the crops that this round restores."""
        if not 0 < round <= self.rounds:
            return 1.0
        along = (round - 1) / (self.rounds - 1) if self.rounds > 1 else 1.0
        return self.first_share + (self.last_share - self.first_share) * along

    @property
    def last_round(self) -> int:
        """Those from fresh weights included."""
        return self.rounds + self.scratch_rounds

    def steps_in(self, round: int, begins_with: str = "gaussian") -> int:
        """Optimiser steps of a round; those of the start depend on what a run begins with."""
        if round > self.rounds:
            return self.scratch_steps
        if round == 1 and begins_with in FROM_PIXELS:
            return self.neighbour_steps
        if round:
            return self.steps
        if begins_with in FROM_PIXELS:
            return self.hidden_steps
        return self.clean_steps if self.clean or self.similar else self.first_steps


SETTLED = frozenset(
    (
        *("axes", "channel", "pixel_size_um", "model", "noise_per_image", "start", "anchor", "size"),
        *("crops", "crop", "tries", "held_out", "seed"),
    )
)
"""What the crops, the first samples and the network depend on: a run that has begun keeps to it."""

PRESETS: dict[Preset, dict[str, Any]] = {
    "quick": {
        "rounds": 5,
        "crops": 256,
        "first_share": 0.5,
        "last_share": 0.5,
        "tries": 3,
        "batch": 16,
        "denoising_steps": 300,
        "denoised_rounds": 5,
        "first_steps": 300,
        "hidden_steps": 1000,
        "neighbour_steps": 1200,
        "steps": 120,
        "sampler_steps": 16,
        "cautious_rounds": 4,
        "learning_rate": 1.5e-3,
    },
    "standard": {
        "rounds": 20,
        "crops": 768,
        "first_share": 0.33,
        "last_share": 0.5,
        "tries": 3,
        "batch": 16,
        "denoising_steps": 800,
        "denoised_rounds": 8,
        "first_steps": 400,
        "hidden_steps": 6000,
        "neighbour_steps": 6000,
        "steps": 300,
        "sampler_steps": 16,
        "learning_rate": 1.5e-3,
        "patience": 8,
    },
    "best": {
        "size": "standard",
        "rounds": 24,
        "crops": 4096,
        "first_share": 0.25,
        "tries": 3,
        "held_out": 16,
        "batch": 32,
        "denoising_steps": 2000,
        "denoised_rounds": 10,
        "first_steps": 1000,
        "hidden_steps": 12000,
        "neighbour_steps": 12000,
        "steps": 800,
        "sampler_steps": 24,
        "scratch_rounds": 1,
        "scratch_steps": 6000,
        "patience": 8,
    },
    "emdiffusion": {
        "size": "small",
        "rounds": 8,
        "crops": 1024,
        "first_share": 0.1,
        "last_share": 0.1,
        "sampler": "dps",
        "sampler_steps": 1000,
        "first_weight": 2.0,
        "anchor": "none",
        "start": "gaussian",
        "clean_share": 0.0,
        "first_clean_share": 1.0,
        "decay": False,
        "memory": 500,
        "first_steps": 3000,
        "clean_steps": 3000,
        "steps": 1500,
        "scratch_rounds": 2,
        "scratch_steps": 6000,
        "absurd": 1e9,
    },
}
"""What the presets change; everything else keeps its default. `emdiffusion` is the algorithm as it was published."""
