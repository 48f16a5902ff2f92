"""`restore`: posterior samples of every plane of a stack, and what is made of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emdiff_app import posterior
from emdiff_app.diffusion import LearnedPrior
from emdiff_app.diffusion.device import device_for
from emdiff_app.errors import EMDiffError
from emdiff_app.images import Stack, stack_from_array
from emdiff_app.physics import ImagingModel
from emdiff_app.physics.checking import Agreement, agreement
from emdiff_app.priors import Card, read_prior

from .job import Cancelled, RestoreProgress

__all__ = ["Restoration", "restore"]


@dataclass(frozen=True)
class Restoration:
    """The mean of the samples, their standard deviation (with two or more), and what there is to say."""

    mean: Stack
    spread: Stack | None
    agreement: Agreement

    @property
    def chi2(self) -> float:
        """The mean square of the whitened residuals of the samples: about 1."""
        return self.agreement.chi2

    @property
    def sentences(self) -> tuple[str, ...]:
        """What the user should know."""
        return (self.agreement.verdict,)


def restore(
    stack: Stack,
    prior: Path,
    model: ImagingModel | None = None,
    *,
    samples: int = 1,
    steps: int = 24,
    sampler: str = "auto",
    seed: int = 0,
    device: str = "auto",
    on_progress: Callable[[RestoreProgress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Restoration:
    """Restore `stack` with the prior in the file `prior`; the imaging model is the prior's own by default."""
    learned, card = read_prior(prior)
    channels = stack.sizes.get("S", 1)
    if channels != card.channels:
        raise EMDiffError(
            f"The prior has learned images of {card.channels} channel(s) and {stack.name or 'this stack'} has "
            f"{channels}; nothing was restored. Choose one channel, or a prior for such images."
        )
    work = _Work(
        learned.to(device_for(device)), card, model or card.model, stack, sampler, steps, samples, should_stop
    )
    planes = list(stack.plane_indices())
    mean = np.empty(stack.shape, np.float32)
    spread = np.empty(stack.shape, np.float32) if samples > 1 else None
    agreements: list[Agreement] = []
    for number, index in enumerate(planes):

        def told(step: int, total: int, at: int = number) -> None:
            on_progress(RestoreProgress(at, len(planes), step, total))

        mean[index], deviation, fits = work.plane(index, _seed(seed, number), told)
        if spread is not None:
            spread[index] = deviation
        agreements += fits
    on_progress(RestoreProgress(len(planes), len(planes), 0, 1))
    return Restoration(
        _like(stack, mean, "restored"),
        None if spread is None else _like(stack, spread, "uncertainty"),
        Agreement.of_all(agreements),
    )


@dataclass
class _Work:
    """One stack, one prior: what stays the same from plane to plane."""

    prior: LearnedPrior
    card: Card
    model: ImagingModel
    stack: Stack
    sampler: str
    steps: int
    samples: int
    should_stop: Callable[[], bool]

    def plane(
        self, index: tuple[int, ...], generator: torch.Generator, told: Callable[[int, int], None]
    ) -> tuple[NDArray[Any], NDArray[Any], list[Agreement]]:
        """The mean, the spread, and how each sample fits the data, of one plane in recorded units."""
        recorded = self.stack.plane(index)
        if not np.isfinite(recorded).all():
            raise EMDiffError(
                f"{self.stack.name}, plane {index}: some pixels are not finite (NaN); repair them."
            )
        colours = np.moveaxis(recorded, -1, 0) if recorded.ndim == 3 else recorded[None]
        y = torch.from_numpy(self.card.scale.forward(colours.astype(np.float32)))[None]
        y = y.to(next(self.prior.parameters()).device)
        imaging = self.model.bind(
            tuple(y.shape[2:]), pixel_size=self.stack.pixel_size, scale=self.card.scale, device=y.device
        )
        draws, fits = [], []
        for sample in range(self.samples):

            def on_step(step: int, steps: int, _: Tensor, done: int = sample) -> None:
                if self.should_stop():
                    raise Cancelled
                told(done * steps + step, self.samples * steps)  # `auto` may take fewer steps

            x = posterior.get(self.sampler).sample(
                self.prior, imaging, y, steps=self.steps, generator=generator, on_step=on_step
            )
            fits.append(agreement(imaging, y, x))
            draws.append(imaging.crop(x)[0].cpu())
        stacked = torch.stack(draws)
        mean = self.card.scale.inverse(_plane(stacked.mean(0)))
        deviation = self.card.scale.gain * _plane(stacked.std(0, correction=1 if self.samples > 1 else 0))
        return mean, deviation, fits


def _plane(image: Tensor) -> NDArray[Any]:
    array: NDArray[Any] = image.numpy()
    return array[0] if len(array) == 1 else np.moveaxis(array, 0, -1)


def _like(stack: Stack, array: NDArray[Any], word: str) -> Stack:
    """A stack of `array` with every word of the input."""
    name = f"{stack.name} {word}".strip()
    made = stack_from_array(
        array, stack.axes, pixel_size=stack.pixel_size, channels=stack.channels, name=name
    )
    return made.with_(extras=stack.extras)


def _seed(seed: int, plane: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed * 1_000_003 + plane)
