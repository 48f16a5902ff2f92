"""A start under blur: take the noise away first, then sharpen what is left by a Gaussian.

Under blur and noise EM is slow: where the signal is a share K of what was recorded, errors shrink by `1 - K^2` a round.
But noise alone goes in minutes, without clean images: a network predicts hidden pixels from their neighbours, and what
it learns is the blurred image `z = A x` itself, `z ~ N(m, v)` with v a tenth to a hundredth of the noise. So the
samples of the first rounds are drawn given m, as if it were a recording with noise v; later ones given the recorded
images.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from emdiff_app.diffusion import Batch, LearnedPrior
from emdiff_app.diffusion.anchors import HiddenPixels
from emdiff_app.diffusion.one_pass import one_pass
from emdiff_app.errors import RunError
from emdiff_app.learning.work import Work
from emdiff_app.physics import Imaging, NoiseParameters

from .lessons import recorded_crops

__all__ = ["Denoiser", "RecordedCrops", "keep_denoiser", "untrained"]

HIDDEN = HiddenPixels()
FARTHEST = 2.0
"""In mean squares of the noise: the truth is one away from what was recorded, and m follows that a little."""


@dataclass(frozen=True, eq=False)
class RecordedCrops:
    """Lessons of recorded crops, whose noise is to be learned away and whose blur is to stay."""

    work: Work

    def next(self, which: torch.Generator, mine: range) -> tuple[Batch, HiddenPixels]:
        return _as_recorded(*recorded_crops(self.work, which, mine)), HIDDEN


class Denoiser:
    """What a recorded crop would be without its noise, by the network that was kept; it is asked for each crop once."""

    def __init__(self, work: Work) -> None:
        kept = work.samples.read(_path(work))
        if kept is None:
            raise RunError(
                f"{_path(work)} is missing or damaged, and with it what this run began with; start the run again."
            )
        mean, deviation = (float(kept.pop(name)) for name in ("mean", "sigma_data"))
        self.work, self.prior = work, _network(work, mean, deviation)
        self.prior.load_state_dict(kept)
        self.prior.requires_grad_(False).to(work.device, memory_format=torch.channels_last)
        self._known: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    def __call__(self, y: Tensor, first: int) -> tuple[Imaging, Tensor]:
        """m in the place of y, recorded crops from number `first` on, and the imaging model that goes with it."""
        imaging, key = self.work.imaging_of(first, y), (first, len(y))
        if key not in self._known:
            self._known[key] = self._denoised(imaging, y)
        m, left = (t.to(y.device) for t in self._known[key])
        return Imaging(imaging.operator, NoiseParameters(read_noise=left)), m

    def _denoised(self, imaging: Imaging, y: Tensor) -> tuple[Tensor, Tensor]:
        """m and the mean deviation of what noise is left; a crop whose m is too far off stays as it is."""
        batch = _as_recorded(imaging, y.contiguous(memory_format=torch.channels_last))
        m, v = one_pass(self.prior, batch, ways=1)
        axes, noise, seen = tuple(range(1, v.ndim)), batch.variance(), batch.seen
        off, usual = (torch.where(seen, w, 0.0).sum(axes, keepdim=True) for w in ((y - m).square(), noise))
        fine = (off < FARTHEST * usual) & torch.isfinite(v).all(axes, keepdim=True)
        left = torch.where(fine, v, noise).mean(axes, keepdim=True).sqrt()
        return torch.where(fine, m, y).cpu(), left.cpu()


def untrained(work: Work, mean: float, deviation: float) -> LearnedPrior:
    """The network before its first step; the same for the same seed."""
    torch.manual_seed(work.recipe.seed)
    return _network(work, mean, deviation)


def keep_denoiser(work: Work, prior: LearnedPrior) -> None:
    """Once it has learned, the draws of the first rounds need it for as long as they may be asked for again."""
    if work.team.leads:
        words = {"mean": torch.tensor(prior.mean), "sigma_data": torch.tensor(prior.sigma_data)}
        work.samples.write(_path(work), {**prior.state_dict(), **words})
    work.team.barrier()


def _network(work: Work, mean: float, deviation: float) -> LearnedPrior:
    prior = LearnedPrior(work.recipe.size, work.judged.shape[1], deviation, mean, variance=True)
    prior.takes_maps = True
    return prior


def _as_recorded(imaging: Imaging, y: Tensor) -> Batch:
    """The blurred images are the ones to be learned; noise and missing pixels are all that went wrong with them."""
    return Batch(recorded=y, noise=imaging.noise, observed=imaging.observed)


def _path(work: Work) -> Path:
    return work.samples.folder / "denoiser.safetensors"
