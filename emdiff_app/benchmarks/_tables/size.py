"""How large the tables are run: on two cores in an hour and a half, or on one GPU in pieces of ten minutes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from emdiff_app.learning import PRESETS

__all__ = ["CPU", "GPU", "OURS", "SIZES", "Size"]


@dataclass(frozen=True)
class Size:
    """`steps` is what every learner may train, those by rounds in all their rounds together; `minutes` ends each."""

    name: str
    network: str
    images: int
    """To learn from: photographs, or crops of nuclei with `side` recorded pixels."""
    side: int
    scored: int
    samples: int
    steps: int
    batch: int
    minutes: float
    rounds: dict[str, Any] = field(default_factory=dict)
    """Fields of the recipe that all learners by rounds share."""
    own: dict[str, dict[str, Any]] = field(default_factory=dict)
    """And those of one alone, or of ours for one problem."""
    learning_rate: float = 2e-3
    """Of all learners."""
    field_side: int = 192
    """Of the fields of real frames that are scored."""
    frame_steps: int = 1500
    """Of the start on real frames, whose anchor is the pixels themselves."""
    clean_counts: tuple[int, ...] = (25, 100, 400)
    starts: tuple[int, ...] = (10, 50, 200)

    def recipe(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        """The recipe of a learner by rounds, cut to this size."""
        return {**given, "learning_rate": self.learning_rate, **self.rounds, **self.own.get(name, {})}


CPU = Size(
    name="cpu",
    network="tiny",
    images=400,
    side=32,
    scored=8,
    samples=8,
    steps=1200,
    batch=16,
    minutes=5.0,
    rounds={
        "size": "tiny",
        "crop": 32,
        "crops": 400,
        "batch": 16,
        "rounds": 6,
        "first_steps": 300,
        "clean_steps": 300,
        "hidden_steps": 1200,
        "neighbour_steps": 900,
        "steps": 150,
        "patience": 0,
    },
    own={
        "ours, denoising": {"hidden_steps": 1050, "neighbour_steps": 150, "rounds": 1},
        "em-mmps": {"first_share": 0.5, "last_share": 0.5, "sampler_steps": 12},
        "emdiffusion": {
            "rounds": 4,
            "steps": 100,
            "scratch_rounds": 1,
            "scratch_steps": 500,
            "sampler_steps": 150,
        },
    },
)
GPU = Size(
    name="gpu",
    network="small",
    images=4500,
    side=64,
    scored=64,
    samples=8,
    steps=20000,
    batch=64,
    minutes=8.0,
    rounds={
        "size": "small",
        "crop": 32,
        "crops": 4500,
        "batch": 64,
        "rounds": 12,
        "first_steps": 2000,
        "clean_steps": 2000,
        "hidden_steps": 12000,
        "neighbour_steps": 12000,
        "steps": 1500,
        "patience": 0,
    },
    own={
        "ours, denoising": {"hidden_steps": 17000, "neighbour_steps": 3000, "rounds": 1},
        "emdiffusion": {"rounds": 8, "steps": 1000, "scratch_rounds": 1, "scratch_steps": 10000},
    },
    field_side=256,
    frame_steps=12000,
    clean_counts=(1000, 2000, 4500),
    starts=(10, 50, 500),
)
SIZES = {"cpu": CPU, "gpu": GPU}
OURS: dict[str, Any] = PRESETS["standard"]
"""The preset that users get; only its size is changed."""
