"""The default: picks a method by the imaging model and says which and why."""

import torch
from torch import Tensor

from emdiff_app.diffusion import Prior
from emdiff_app.physics import Imaging

from .registry import OnStep, get, register

__all__ = ["choose", "sample"]


def choose(imaging: Imaging) -> tuple[str, str]:
    """The method's name and the reason for it."""
    return "diffpir", "it needs no gradients and the data step is exact for this imaging model"


@register("auto", equation="picks a method by the imaging model", cost="that of the method", gradients=False)
def sample(
    prior: Prior,
    imaging: Imaging,
    y: Tensor,
    *,
    steps: int = 24,
    generator: torch.Generator,
    on_step: OnStep | None = None,
) -> Tensor:
    name, _ = choose(imaging)
    return get(name).sample(prior, imaging, y, steps=steps, generator=generator, on_step=on_step)
