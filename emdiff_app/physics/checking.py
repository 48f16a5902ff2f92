"""Whether a restored image explains the recorded one: what is left over must look like the noise alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from emdiff_app.errors import PhysicsError

from .autocorrelation import autocorrelation
from .imaging import Imaging
from .precise import doubled

__all__ = ["LAGS", "Agreement", "agreement", "on_domain"]

LAGS = (1, 2, 3, 4, 5)
TOO_HIGH = 1.1
"""Above this chi2 the restoration contradicts the data."""
TOO_LOW = 0.8
"""Below it the restoration follows the noise."""
COLOURED = 0.05
"""Residuals whose neighbours are correlated by more than this still hold structure."""
COVERED = 0.999
"""A recorded pixel counts where the restored image supplies at least this share of what the optics gather."""


@dataclass(frozen=True)
class Agreement:
    """`chi2 = <r^2>`, about 1, and `<r_i r_(i+k)> / <r^2>`, about 0, of `r = (y - A x) / sqrt(Var[y | x])`.

    Over `pixels` recorded ones; the correlation is that of pixels `LAGS` apart, the mean of rows and columns.
    """

    pixels: int
    chi2: float
    autocorrelation: tuple[float, ...]

    @property
    def believable(self) -> bool:
        """The size of the residual is that of the noise, and it is white."""
        return TOO_LOW <= self.chi2 <= TOO_HIGH and not self._coloured

    @property
    def verdict(self) -> str:
        """One sentence in plain words."""
        chi2, first = f"chi2 = {self.chi2:.2f}", f"neighbours correlate by {self._strongest:.2f}"
        if self.chi2 > TOO_HIGH:
            why = (
                "the restoration lost or invented structure. Check the blur of the model, and that both images "
                "have the same intensity scale."
                if self._coloured
                else "the noise is under-estimated. Estimate it again."
            )
            return f"The restored image, recorded again, does not match your data ({chi2}, {first}): probably {why}"
        if self.chi2 < TOO_LOW:
            return (
                f"The restored image follows the noise of your data ({chi2}, {first}), or the noise is over-estimated: "
                "do not trust its finest detail."
            )
        if self._coloured and self._strongest < 0:
            return (
                f"What the restoration leaves over has the size of noise, but neighbours differ more than noise does "
                f"({chi2}, {first}): the restored image follows a part of the noise (the average of samples always "
                "does a little), or was sharpened too much."
            )
        if self._coloured:
            return (
                f"What the restoration leaves over has the size of noise but still shows structure ({chi2}, {first}): "
                "something real was smoothed away or the noise is not independent from pixel to pixel."
            )
        return f"The restored image explains your data: what is left over looks like the noise ({chi2}, {first})."

    @property
    def _strongest(self) -> float:
        return max(self.autocorrelation, key=abs, default=0.0)

    @property
    def _coloured(self) -> bool:
        chance = 5 / max(self.pixels, 1) ** 0.5
        return abs(self._strongest) > max(COLOURED, chance)

    @classmethod
    def of_all(cls, parts: Sequence[Agreement]) -> Agreement:
        """Several planes as one, each with the weight of its pixels."""
        pixels = sum(p.pixels for p in parts)
        share = [p.pixels / max(pixels, 1) for p in parts]
        return cls(
            pixels,
            sum(w * p.chi2 for w, p in zip(share, parts, strict=True)),
            tuple(
                sum(w * p.autocorrelation[i] for w, p in zip(share, parts, strict=True))
                for i in range(len(LAGS))
            ),
        )


def on_domain(imaging: Imaging, restored: Tensor) -> tuple[Tensor, Tensor]:
    """A restored image (B, C, *spatial) on the whole domain, and which recorded pixels it explains.

    It covers the recorded field alone, and the optics also gather light from beyond: the border is repeated
    outwards, and recorded pixels that see much of that do not count.
    """
    window = imaging.operator.window(tuple(slice(0, n) for n in imaging.field))
    inside = tuple(len(range(n)[w]) for n, w in zip(imaging.domain, window, strict=True))
    if tuple(restored.shape[2:]) != inside:
        raise PhysicsError(
            f"The restored image has {_size(restored.shape[2:])} pixels where this model and the "
            f"{_size(imaging.field)} recorded ones need {_size(inside)}; check that it belongs to this recording."
        )
    ends = [(range(n)[w].start, n - range(n)[w].stop) for n, w in zip(imaging.domain, window, strict=True)]
    around = [length for pair in reversed(ends) for length in pair]
    known = pad(torch.ones_like(restored), around)
    all_of_it = imaging.apply(torch.ones_like(known))
    explained = imaging.apply(known) >= COVERED * all_of_it
    return _repeated(restored, ends), explained


def agreement(imaging: Imaging, y: Tensor, x: Tensor, counted: Tensor | None = None) -> Agreement:
    """Compare recorded images y with x on the domain, over the observed pixels (of those that are `counted`)."""
    seen = imaging.seen(y)
    seen = (seen if counted is None else seen & counted).expand_as(y)
    residual = imaging.residual(y, x)
    pixels = int(seen.sum())
    chi2 = float(doubled(torch.where(seen, residual, 0.0)).square().sum()) / max(pixels, 1)
    along = autocorrelation(residual, observed=seen, lags=len(LAGS)).values()
    # Images narrower than a lag say nothing about it.
    filled = [[values[i] if i < len(values) else 0.0 for values in along] for i in range(len(LAGS))]
    return Agreement(pixels, chi2, tuple(sum(values) / len(values) for values in filled))


def _repeated(image: Tensor, ends: Sequence[tuple[int, int]]) -> Tensor:
    """The image with its border pixels repeated outwards."""
    for axis, (before, after) in enumerate(ends, start=2):
        n = image.shape[axis]
        at = torch.arange(-before, n + after, device=image.device).clamp(0, n - 1)
        image = image.index_select(axis, at)
    return image


def _size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
