"""The work itself: one stack, one prior, one imaging model; plane after plane, block after block."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from emdiff_app import posterior
from emdiff_app.diffusion import Prior
from emdiff_app.errors import PriorError, StackError
from emdiff_app.images import IntensityScale, Stack
from emdiff_app.physics import Imaging, ImagingModel
from emdiff_app.physics.checking import agreement
from emdiff_app.physics.simulating import acts_on_volumes
from emdiff_app.posterior import Report, auto

from .blocks import LOOK, STATE, Budget, Cut, cut_up
from .collecting import Collected, Place
from .job import Watch
from .look import TURNS, depends_on_light, look, one_look_is_enough
from .moments import Moments
from .optics import Optics
from .placed import PlacedNoise
from .tiling import Tiled
from .words import drawn, result_names

__all__ = ["Engine", "Settings", "Unit"]

SIGHT = 2
"""A block is larger than its core by the reach of the light and so many times the reach of the network."""
SLICES = 4
"""The same along Z, where the network looks at its neighbours alone."""


@dataclass(frozen=True)
class Settings:
    """How to restore. `samples` None: the clean estimate, in the quickest right way. `memory` is in bytes."""

    words: tuple[str, ...] = ("mean", "spread")
    samples: int | None = None
    sampler: str = "auto"
    steps: int | None = None
    seed: int = 0
    turns: bool = False
    memory: float | None = None
    tile: int | None = None


@dataclass(frozen=True)
class Unit:
    """What is worked on at once: a plane, or slices of a volume. `planes` are the indices of what comes of it."""

    index: tuple[int, ...]
    cuts: tuple[Cut, ...]
    planes: tuple[tuple[int, ...], ...]
    first: int


class Engine:
    """Everything that stays the same from plane to plane.

    `scale` is that of the recorded images, `noise_scale` that by which the model's noise is known: the same, unless
    the noise is taken to have been stretched along with the images.
    """

    def __init__(
        self,
        stack: Stack,
        prior: Prior,
        model: ImagingModel,
        scale: IntensityScale,
        noise_scale: IntensityScale,
        settings: Settings,
        device: torch.device,
    ) -> None:
        _refuse_wrong_channels(stack, prior)
        self.stack, self.scale, self.settings, self.device = stack, scale, settings, device
        self.notes: list[str] = []
        budget = Budget.of(settings.memory, device)
        self.prior = Tiled(
            prior, pixels=budget.tile_pixels(prior), tile=settings.tile, on_halved=self._halved
        )
        self.volumes = "Z" in stack.axes and (acts_on_volumes(model) or self.prior.neighbours > 0)
        self.axes = "ZYX" if self.volumes else "YX"
        field = tuple(stack.sizes[a] for a in self.axes)
        self.optics = Optics(model, field, stack.pixel_size, noise_scale, device)
        self.factors = self.optics.factors
        self._choose()
        each = (STATE if self.samples else LOOK) * math.prod(self.factors) * prior.channels
        self.room = budget.state_pixels(each)
        if not self.optics.divisible:
            self.room = max(self.room, math.prod(field))

    def _choose(self) -> None:
        """Which way to go: one look, or so many samples by which method in how many steps."""
        settings, imaging = self.settings, self.optics.example
        automatic = settings.sampler == "auto"
        self.samples = drawn(
            settings.samples, settings.words, automatic and one_look_is_enough(imaging, self.prior)
        )
        self.names = result_names(settings.words, self.samples)
        if not self.samples:
            self.method = "one look"
            self.reason = "only noise was added, so the denoiser's answer to the image is the clean estimate"
            self.steps = 1 + depends_on_light(imaging) + (len(TURNS) - 1) * settings.turns
            return
        self.method, self.reason = (
            auto.choose(imaging, self.prior) if automatic else (settings.sampler, "it was asked for")
        )
        self.steps = settings.steps or posterior.get(self.method).steps

    def _halved(self, side: int) -> None:
        self.notes = [
            f"Memory ran out, so the tiles are now {side} pixels large; it takes longer and nothing else changes."
        ]

    # what there is to do -----------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of what comes out: finer where pixels were lost."""
        finer = dict(zip(self.axes, self.factors, strict=True))
        return tuple(n * finer.get(a, 1) for a, n in self.stack.sizes.items())

    def units(self) -> Iterator[Unit]:
        """The planes in the order of the stack; slices of volumes as many together as memory allows."""
        parts = cut_up(self.optics.field, self.room, self._margins(), self.prior.stride)
        if not self.volumes:
            for number, index in enumerate(self.stack.plane_indices()):
                yield Unit(index, tuple(parts), (index,), number)
            return
        fine = self.factors[0]
        slices = sorted({(cut.core[0].start, cut.core[0].stop) for cut in parts})
        for volume, outer in enumerate(np.ndindex(*self.stack.shape[: len(self.stack.outer_axes) - 1])):
            for start, stop in slices:
                own = tuple(cut for cut in parts if cut.core[0].start == start)
                planes = tuple((*outer, z) for z in range(start * fine, stop * fine))
                yield Unit(outer, own, planes, (volume * self.optics.field[0] + start) * fine)

    def _margins(self) -> tuple[int, ...]:
        light = self.optics.margins
        halo = max(self.optics.field[-2:]) if self.prior.halo is None else SIGHT * self.prior.halo
        flat = (light[-2] + halo, light[-1] + halo)
        return (light[0] + SLICES * self.prior.neighbours, *flat) if self.volumes else flat

    # doing it ----------------------------------------------------------------------------------

    def restore(self, unit: Unit, watch: Watch) -> Collected:
        """Restore one unit, block by block."""
        batches = [self._batches(cut) for cut in unit.cuts]
        watch.begin(unit.first, len(unit.planes), self.steps * sum(len(b) for b in batches))
        self.prior.on_tile = watch.tile
        shape = (len(unit.planes), *self.shape[len(self.stack.outer_axes) :])
        empty = {name: np.empty(shape, np.float32) for name in self.names}
        result = Collected(empty, self.scale, self.prior.sigma_data)
        for cut, groups in zip(unit.cuts, batches, strict=True):
            _Block(self, unit, cut, result, watch).restore(groups)
        return result

    def _batches(self, cut: Cut) -> list[list[int]]:
        """The numbers of the samples, as many together as memory allows."""
        together = max(self.room // cut.pixels, 1)
        every = range(self.samples)
        return [list(every[n : n + together]) for n in range(0, self.samples, together)] or [[]]


class _Block:
    """One block of a unit: its data, its imaging model, and where its core goes."""

    def __init__(self, engine: Engine, unit: Unit, cut: Cut, result: Collected, watch: Watch) -> None:
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


def _refuse_wrong_channels(stack: Stack, prior: Prior) -> None:
    channels = stack.sizes.get("S", 1)
    if channels != prior.channels:
        raise PriorError(
            f"The prior has learned images of {prior.channels} channel(s) and {stack.name or 'this stack'} has "
            f"{channels}; nothing was restored. Choose one channel, or a prior for such images."
        )
