"""The methods by name, each with its equation, its cost and whether it needs gradients."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from emdiff_app.diffusion import Prior
from emdiff_app.errors import EMDiffError
from emdiff_app.physics import Imaging

from .guard import Report

__all__ = ["Method", "OnStep", "Sampler", "get", "names", "register"]

OnStep = Callable[[int, int, Tensor], None]
"""Called with (step, steps, present estimate) after every step; it may raise to cancel."""


class Sampler(Protocol):
    """`x ~ p(x | y)` on the imaging model's domain, one sample for each image of the batch.

    NaN in y is a missing pixel. `report`, where given, is told what was chosen and what went wrong.
    """

    def __call__(
        self,
        prior: Prior,
        imaging: Imaging,
        y: Tensor,
        *,
        steps: int,
        generator: torch.Generator,
        on_step: OnStep | None = None,
        report: Report | None = None,
    ) -> Tensor: ...


@dataclass(frozen=True)
class Method:
    """A sampler and what a user wants to know of it; `steps` is what it was published or measured with."""

    name: str
    equation: str
    cost: str
    gradients: bool
    steps: int
    sample: Sampler


_methods: dict[str, Method] = {}


def register(
    name: str, *, equation: str, cost: str, gradients: bool, steps: int
) -> Callable[[Sampler], Sampler]:
    """Put a sampler into the registry under `name`."""

    def enter(sample: Sampler) -> Sampler:
        _methods[name] = Method(name, equation, cost, gradients, steps, sample)
        return sample

    return enter


def names() -> list[str]:
    return sorted(_methods)


def get(name: str) -> Method:
    if name not in _methods:
        raise EMDiffError(f"There is no sampler called {name!r}; there are {', '.join(names())}.")
    return _methods[name]
