"""Noise2Self on the user's own images: a small network learns each pixel from its neighbours, then answers for all.

    min_f E sum_J ||f(y)_J - y_J||^2 with f(y)_J independent of y_J; the estimate is f(y).

It learns once, from planes all along the stack, and then restores plane after plane.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from emdiff_app.diffusion import Batch, LearnedPrior
from emdiff_app.errors import EMDiffError

from .learners.noise2self import JInvariant
from .learners.training import Training, fresh, train
from .recorded import Recorded
from .registry import Parameter, register

__all__ = ["noise2self"]

CROP, BATCH = 64, 8
TILE = 512
LONGEST = 7 * 24 * 60
FOREVER = 10**9
"""Steps: it is the time that ends the training."""


def _learned(
    planes: Sequence[Recorded], settings: Mapping[str, Any], on_progress: Callable[[float], None] | None
) -> dict[str, Any]:
    """The network, unless it was given."""
    if isinstance(settings["network"], LearnedPrior):
        return {}
    minutes = settings["minutes"]
    if not isinstance(minutes, int | float) or not 0 < minutes <= LONGEST:
        raise EMDiffError(
            f"noise2self cannot learn for {minutes!r} minutes; nothing was restored. Name a number above 0, as in "
            "--set minutes=2."
        )
    images = [torch.where(p.seen, p.y, torch.nan) for p in planes]
    how = Training(size="tiny", steps=FOREVER, minutes=minutes, on_step=on_progress)
    prior = fresh(torch.cat([y.reshape(1, y.shape[1], 1, -1) for y in images], 3), how)
    return {"network": train(prior, JInvariant(), lambda order: _crops(images, order), how)}


@register(
    "noise2self",
    "A network that predicts each pixel from its neighbours; trains on the stack itself, and need not know the noise.",
    handles=("missing pixels",),
    learn=_learned,
    minutes=Parameter(2.0, "How long it may train, once for a stack."),
    network=Parameter(None, "A network that has learned already; by default it learns from the images."),
)
def noise2self(recorded: Recorded, *, minutes: float, network: LearnedPrior) -> Tensor:
    """f(y), in tiles whose seams cannot be seen: each is given all that its pixels look at."""
    y = torch.where(recorded.seen, recorded.y, torch.nan)
    made = torch.empty_like(y)
    step = TILE // network.stride * network.stride
    halo = -(-(network.reach + 1) // (4 * network.stride)) * 4 * network.stride
    for top in range(0, y.shape[2], step):
        for left in range(0, y.shape[3], step):
            rows, above = _with_halo(top, step, halo)
            columns, before = _with_halo(left, step, halo)
            tile = JInvariant().estimate(network, Batch(recorded=y[..., rows, columns]))
            made[..., top : top + step, left : left + step] = tile[
                ..., above : above + step, before : before + step
            ]
    return made


def _with_halo(start: int, length: int, halo: int) -> tuple[slice, int]:
    """The stretch with what surrounds it, and where it begins in there."""
    first = max(start - halo, 0)
    return slice(first, start + length + halo), start - first


def _crops(images: Sequence[Tensor], order: torch.Generator) -> Batch:
    """Squares of one size from random places."""
    side = min(CROP, *(n for y in images for n in y.shape[2:]))
    crops = []
    for _ in range(BATCH):
        y = images[int(torch.randint(len(images), (), generator=order))][0]
        top, left = (int(torch.randint(n - side + 1, (), generator=order)) for n in y.shape[1:])
        crops.append(y[:, top : top + side, left : left + side])
    return Batch(recorded=torch.stack(crops))
