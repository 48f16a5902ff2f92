"""What is known of a learner: its equation, what it costs, what it must be told, and how it restores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from emdiff_app.diffusion import Batch, LearnedPrior, Prior

from .training import Training

__all__ = ["Learner", "Need"]

Need = Literal["clean images", "noise level", "imaging model"]


@dataclass(frozen=True)
class Learner:
    """Learns by steps of its own (`learn`), or by rounds of EM (`recipe`, for `emdiff_app.learning`).

    It restores by posterior sampling with `sampler`, unless `estimate` is how it was published.
    """

    name: str
    title: str
    equation: str
    cost: str
    needs: tuple[Need, ...]
    learn: Callable[[Batch, Training], LearnedPrior] | None = None
    recipe: Mapping[str, Any] | None = None
    sampler: str = "auto"
    estimate: Callable[[LearnedPrior, Batch], Tensor] | None = None
    as_taught: Callable[[Prior, float, float], Prior] | None = None
    """The prior asked for nothing that it was not taught: given the level of noise and the share of recorded pixels."""
