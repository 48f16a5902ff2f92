"""No NaN leaves a sampler: a step that goes wrong is undone for that image alone, and told."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from emdiff_app.diffusion import Prior
from emdiff_app.physics import Imaging

__all__ = ["FAR", "Guard", "Report", "first_guess"]

FAR = 100.0
"""An estimate this many standard deviations of clean images beyond what is recorded has exploded."""


@dataclass
class Report:
    """What a sampler has to say beside its samples."""

    method: str = ""
    reason: str = ""
    rescued: Counter[int] = field(default_factory=Counter)
    """How many steps of each image (by its place in the batch) were undone."""

    @property
    def sentence(self) -> str:
        """One sentence for the user; empty where nothing went wrong."""
        if not self.rescued:
            return ""
        return (
            f"Sampling became unstable in {len(self.rescued)} image(s) and went on from the last good step; "
            "look at these images before you use them, or choose another sampler."
        )


class Guard:
    """Watches a batch on its way and calls `on_step`: `kept` is the last good estimate of every image."""

    def __init__(
        self,
        prior: Prior,
        imaging: Imaging,
        y: Tensor,
        steps: int,
        on_step: Callable[[int, int, Tensor], None] | None,
        report: Report | None,
    ) -> None:
        self.kept = first_guess(imaging, y)
        self.steps, self.on_step = steps, on_step
        self.report = Report() if report is None else report
        self.undone = torch.zeros(len(y), dtype=torch.bool, device=y.device)
        self.limit = self.kept.flatten(1).abs().amax(1) + FAR * prior.sigma_data

    def denoised(self, estimate: Tensor) -> Tensor:
        """What the denoiser says, or where that is no image the last good estimate. Begins a step."""
        good = self._good(estimate)
        self.undone = ~good
        self.kept = self._where(good, estimate, self.kept)
        return self.kept

    def conditioned(self, estimate: Tensor, failed: Tensor | None = None) -> Tensor:
        """The estimate with the data brought in, or where that is no image (or has `failed`) the one without."""
        good = self._good(estimate)
        good = good if failed is None else good & ~failed
        self.undone = self.undone | ~good
        self.kept = self._where(good, estimate, self.kept)
        return self.kept

    def state(self, x_t: Tensor) -> Tensor:
        """A noisy state, or the last good estimate where that is not finite or has led to no image."""
        return self._where(torch.isfinite(x_t).flatten(1).all(1) & ~self.undone, x_t, self.kept)

    def told(self, number: int) -> None:
        """Step `number` (from 0) is done."""
        if bool(self.undone.any()):
            self.report.rescued.update(self.undone.nonzero().flatten().tolist())
        if self.on_step is not None:
            self.on_step(number + 1, self.steps, self.kept)

    def _good(self, x: Tensor) -> Tensor:
        return (x.abs().flatten(1) <= self.limit[:, None]).all(1)

    def _where(self, good: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return torch.where(good.reshape(-1, *[1] * (a.ndim - 1)), a, b)


def first_guess(imaging: Imaging, y: Tensor) -> Tensor:
    """A first image on the domain; pixels of y that are not finite take the mean of those that are."""
    seen = imaging.seen(y)
    axes = tuple(range(1, y.ndim))
    level = torch.where(seen, y, 0.0).sum(axes, keepdim=True) / seen.sum(axes, keepdim=True).clamp_min(1)
    filled = torch.where(torch.isfinite(y), y, level)
    return imaging.initial(filled)
