"""One block: its data and its imaging model in, samples or one look at it out, and what is made of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from emdiff_app import posterior
from emdiff_app.diffusion import Batch
from emdiff_app.diffusion.one_pass import one_pass
from emdiff_app.errors import PriorError
from emdiff_app.physics import Imaging
from emdiff_app.physics.checking import agreement
from emdiff_app.posterior import Report
from emdiff_app.posterior.look import TURNS, look

from .blocks import Cut
from .collecting import Collected, Place
from .job import Watch
from .moments import Moments
from .placed import PlacedNoise
from .ways import PASS_WAYS, Way

if TYPE_CHECKING:
    from .engine import Engine, Unit

__all__ = ["Work"]


class Work:
    """One block of a unit: its data, its imaging model, and where its core goes."""

    def __init__(
        self, engine: "Engine", unit: "Unit", cut: Cut, way: Way, result: Collected, watch: Watch
    ) -> None:
        self.engine, self.unit, self.cut, self.way = engine, unit, cut, way
        self.result, self.watch = result, watch
        self.imaging: Imaging = engine.optics.bind(cut.block, unit.index)
        self.y = self._recorded()
        self.counted = torch.zeros((1, 1, *cut.lengths), dtype=torch.bool, device=self.y.device)
        self.counted[(slice(None), slice(None), *cut.inside)] = True

    def restore(self, batches: Sequence[list[int]]) -> None:
        own = self._at_once() if self.way.one_pass or not self.way.samples else None
        if not self.way.samples:
            assert own is not None
            self.result.estimate(self._place, *own)
            return
        moments = Moments()
        for numbers in batches:
            xs = self._sampled(numbers)
            self.result.fits += [agreement(self.imaging, self.y, x[None], self.counted) for x in xs]
            for number, x in zip(numbers, self._core(xs), strict=True):
                self.result.sample(self._place, number, x[None], moments)
        mean = torch.as_tensor(moments.mean) if own is None else own[0]
        self.result.estimate(self._place, mean, moments.variance)

    def _at_once(self) -> tuple[Tensor, Tensor]:
        """The core of the mean and of the variance, without samples: by one look or one pass."""
        mean, variance = self._passed() if self.way.one_pass else self._looked()
        if not bool(torch.isfinite(mean).all()):
            raise PriorError(
                f"{self.engine.stack.name}, plane {self.unit.index}: the prior gives no finite image of it, so it was "
                "not restored; look at the image, or choose a sampler by its name."
            )
        if not self.way.samples:
            # How well it fits is judged of a draw around the mean: the mean itself follows some of the noise.
            near = mean + variance.sqrt() * self._noise([0]).white(mean)
            self.result.fits.append(agreement(self.imaging, self.y, near, self.counted))
        return self._core(mean), self._core(variance)

    def _looked(self) -> tuple[Tensor, Tensor]:
        turns = self.engine.settings.turns
        return look(self.engine.prior, self.imaging, self.y, turns=turns, on_step=self.watch.step)

    def _passed(self) -> tuple[Tensor, Tensor]:
        ways = len(TURNS) if self.engine.settings.turns else PASS_WAYS
        prior, usual = self.engine.prior, self.engine.prior.on_tile

        def told(tile: int, tiles: int) -> None:
            usual(tile, tiles)
            if tile == tiles and not self.way.samples:
                self.watch.step()

        prior.on_tile = told
        try:
            return one_pass(prior, Batch.of(self.imaging, self.y), ways=ways)
        finally:
            prior.on_tile = usual

    def _sampled(self, numbers: list[int]) -> Tensor:
        report = Report()
        xs = posterior.get(self.way.method).sample(
            self.engine.prior,
            self.imaging,
            self.y.expand(len(numbers), *self.y.shape[1:]).contiguous(),
            steps=self.way.steps,
            generator=self._noise(numbers),
            on_step=lambda step, steps, estimate: self.watch.step(),
            report=report,
        )
        self.result.unstable |= bool(report.rescued)
        return xs

    def _noise(self, numbers: Sequence[int]) -> PlacedNoise:
        return PlacedNoise(
            self.engine.settings.seed,
            self.unit.index,
            numbers,
            self.cut.origin,
            self.imaging.field,
            self.imaging.domain,
            self.engine.factors,
        )

    def _recorded(self) -> Tensor:
        """The recorded pixels, (1, C, *spatial) in the prior's units; what is no number counts as missing."""
        array = self.engine.recorded(self.unit, self.cut).astype(np.float32)
        finite = np.isfinite(array)
        array[~finite] = np.nan
        self.result.missing += int((~finite[(slice(None), *self.cut.inside)]).sum())
        scaled = np.ascontiguousarray(self.engine.scale.forward(array), np.float32)
        return torch.from_numpy(scaled)[None].to(self.engine.device)

    def _core(self, x: Tensor) -> Tensor:
        """The core of images on the domain."""
        pairs = zip(self.cut.inside, self.engine.factors, strict=True)
        fine = tuple(slice(s.start * f, s.stop * f) for s, f in pairs)
        return self.imaging.crop(x)[(slice(None), slice(None), *fine)].cpu()

    @property
    def _place(self) -> Place:
        """Where the core lies among the planes of the unit."""
        pairs = zip(self.cut.core, self.engine.factors, strict=True)
        place = [slice(s.start * f, s.stop * f) for s, f in pairs]
        if len(place) == 2:
            return (slice(None), *place)
        first = self.unit.planes[0][-1]
        return (slice(place[0].start - first, place[0].stop - first), *place[1:])
