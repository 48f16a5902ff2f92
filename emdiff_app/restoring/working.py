"""One block: its data and its imaging model in, samples or one look at it out, and what is made of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from emdiff_app import posterior
from emdiff_app.errors import PriorError, StackError
from emdiff_app.physics import Imaging
from emdiff_app.physics.checking import agreement
from emdiff_app.posterior import Report

from .blocks import Cut
from .collecting import Collected, Place
from .job import Watch
from .look import look
from .moments import Moments
from .placed import PlacedNoise

if TYPE_CHECKING:
    from .engine import Engine, Unit

__all__ = ["Work"]


class Work:
    """One block of a unit: its data, its imaging model, and where its core goes."""

    def __init__(self, engine: "Engine", unit: "Unit", cut: Cut, result: Collected, watch: Watch) -> None:
        self.engine, self.unit, self.cut, self.result, self.watch = engine, unit, cut, result, watch
        self.imaging: Imaging = engine.optics.bind(cut.block)
        self.y = self._recorded()
        self.counted = torch.zeros((1, 1, *cut.lengths), dtype=torch.bool, device=self.y.device)
        self.counted[(slice(None), slice(None), *cut.inside)] = True

    def restore(self, batches: Sequence[list[int]]) -> None:
        if not self.engine.samples:
            mean, variance = self._looked()
            self.result.estimate(self._place, self._core(mean), self._core(variance))
            return
        moments = Moments()
        for numbers in batches:
            xs = self._sampled(numbers)
            self.result.fits += [agreement(self.imaging, self.y, x[None], self.counted) for x in xs]
            for number, x in zip(numbers, self._core(xs), strict=True):
                self.result.sample(self._place, number, x[None], moments)
        self.result.estimate(self._place, torch.as_tensor(moments.mean), moments.variance)

    def _looked(self) -> tuple[Tensor, Tensor]:
        engine = self.engine
        mean, variance = look(
            engine.prior, self.imaging, self.y, turns=engine.settings.turns, on_step=self.watch.step
        )
        if not bool(torch.isfinite(mean).all()):
            raise PriorError(
                f"{engine.stack.name}, plane {self.unit.index}: the prior gives no finite image of it, so it was not "
                "restored; look at the image, or choose a sampler by its name."
            )
        # How well it fits is judged of a draw around the mean: the mean itself follows some of the noise.
        near = mean + variance.sqrt() * self._noise([0]).white(mean)
        self.result.fits.append(agreement(self.imaging, self.y, near, self.counted))
        return mean, variance

    def _sampled(self, numbers: list[int]) -> Tensor:
        report = Report()
        xs = posterior.get(self.engine.method).sample(
            self.engine.prior,
            self.imaging,
            self.y.expand(len(numbers), *self.y.shape[1:]).contiguous(),
            steps=self.engine.steps,
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
        """The recorded pixels, (1, C, *spatial) in the prior's units."""
        stack, (rows, columns) = self.engine.stack, self.cut.block[-2:]
        indices = [self.unit.index]
        if self.engine.volumes:
            depth = self.cut.block[0]
            indices = [(*self.unit.index, z) for z in range(depth.start, depth.stop)]
        planes = [stack.region(index, rows, columns) for index in indices]
        coloured = [p[None] if p.ndim == 2 else np.moveaxis(p, -1, 0) for p in planes]
        array = np.stack(coloured, 1) if self.engine.volumes else coloured[0]
        if not np.isfinite(array).all():
            raise StackError(
                f"{stack.name}, plane {self.unit.index}: some pixels are not finite (NaN), so it was not restored; "
                "replace them, or leave that plane out."
            )
        scaled = np.ascontiguousarray(self.engine.scale.forward(array.astype(np.float32)), np.float32)
        return torch.from_numpy(scaled)[None].to(self.engine.device)

    def _core(self, x: Tensor) -> Tensor:
        """The core of images on the domain."""
        pairs = zip(self.cut.inside, self.engine.factors, strict=True)
        fine = tuple(slice(s.start * f, s.stop * f) for s, f in pairs)
        return self.imaging.crop(x)[(slice(None), slice(None), *fine)].cpu()

    @property
    def _place(self) -> Place:
        """Where the core lies among the planes of the unit."""
        pairs = zip(self.cut.core[-2:], self.engine.factors[-2:], strict=True)
        return (slice(None), *(slice(s.start * f, s.stop * f) for s, f in pairs))
