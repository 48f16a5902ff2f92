"""The spectrum of `A A^T` for chains of blurs and downsamplings, as if the image were periodic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from .base import LinearOperator, Shape

__all__ = ["chain_is_circular", "chain_spectrum"]


def chain_spectrum(parts: Sequence[LinearOperator], grid: Shape) -> Tensor | None:
    """Eigenvalues of `A A^T` over the rfft frequencies of a periodic grid of recorded pixels, masks left out.

    Blurs multiply by `|H|^2` on the grid they act on. Downsampling by f folds: the recorded frequency k
    carries the mean over the f frequencies that look like it, `mean_a |H(k + a n)|^2`.
    """
    from .blur import Blur
    from .downsample import Downsample

    grids = [grid]
    for part in reversed(parts[1:]):
        factors = part.factors if isinstance(part, Downsample) else (1,) * len(grids[0])
        grids.insert(0, tuple(n * f for n, f in zip(grids[0], factors, strict=True)))
    power: Tensor | None = None
    for part, here in zip(parts, grids, strict=True):
        if isinstance(part, Blur):
            own = part.power_on(here)
            power = own if power is None else power * own
        elif isinstance(part, Downsample):
            fine = tuple(n * f for n, f in zip(here, part.factors, strict=True))
            box = part.power_on(fine)
            box = box if power is None else box.to(power)
            power = part.fold(box if power is None else power * box)
    if power is None:
        return None
    return power[..., : grid[-1] // 2 + 1]


def chain_is_circular(parts: Sequence[LinearOperator]) -> bool:
    """Whether that spectrum is exact: no masks, and every blur periodic."""
    from .blur import Blur
    from .downsample import Downsample
    from .mask import Mask

    return any(isinstance(part, Blur | Downsample) for part in parts) and not any(
        isinstance(part, Mask) or (isinstance(part, Blur) and part.boundary != "periodic") for part in parts
    )
