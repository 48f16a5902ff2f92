"""The work itself: one stack, one prior, one imaging model; plane after plane, block after block."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from emdiff_app import posterior
from emdiff_app.diffusion import Prior
from emdiff_app.diffusion.memory import is_out_of_memory, reused
from emdiff_app.errors import PriorError, StackError
from emdiff_app.images import IntensityScale, Stack
from emdiff_app.physics import ImagingModel, NoiseSpec
from emdiff_app.physics.simulating import acts_on_volumes

from .blocks import SMALLEST_SIDE, Budget, Cut, bytes_each, cut_up
from .collecting import Collected
from .job import Watch
from .optics import Optics
from .tiling import Tiled
from .ways import Settings, Way, way_for
from .words import result_names
from .working import Work

__all__ = ["Engine", "Unit"]

SIGHT = 2
"""A block is larger than its core by the reach of the light and so many times the reach of the network."""
SLICES = 4
"""The same along Z, where the network looks at its neighbours alone."""


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
    the noise is taken to have been stretched along with the images. `best` is the estimate that the prior's card
    names, `noises` the noise of each plane where they differ. The spread of the usual way is `widened` by a factor.
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
        *,
        best: str = "samples",
        noises: Mapping[tuple[int, ...], NoiseSpec] | None = None,
    ) -> None:
        _refuse_wrong_channels(stack, prior)
        self.stack, self.scale, self.settings, self.device = stack, scale, settings, device
        self.widened = 1.0
        self.notes: list[str] = []
        self.budget = Budget.of(settings.memory, device)
        self.most: int | None = None
        """Of recorded pixels at once, since memory ran out."""
        self.prior = Tiled(
            prior,
            pixels=self.budget.tile_pixels(prior),
            tile=settings.tile,
            on_halved=self._halved,
        )
        self.volumes = "Z" in stack.axes and (acts_on_volumes(model) or self.prior.neighbours > 0)
        self.axes = "ZYX" if self.volumes else "YX"
        field = tuple(stack.sizes[a] for a in self.axes)
        self.optics = Optics(model, field, stack.pixel_size, noise_scale, device, noises)
        self.factors = self.optics.factors
        imaging = self.optics.example
        self.way = way_for(settings, imaging, self.prior, best)
        # Only numbers with a point can be none.
        holes = stack.dtype.kind == "f"
        self.way_with_holes = way_for(settings, imaging, self.prior, best, holes=True) if holes else self.way
        self.names = result_names(settings.words, self.way.samples)

    def _room(self, way: Way) -> int:
        """How many recorded pixels may be worked on at once."""
        gradients = bool(way.samples) and posterior.get(way.method).gradients
        finer = math.prod(self.factors)
        each = bytes_each(
            self.prior.inner, samples=way.samples, gradients=gradients, finer=finer, results=len(self.names)
        )
        room = self.budget.state_pixels(each)
        return room if self.most is None else min(room, self.most)

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
        ways = (self.way, self.way_with_holes) if self.volumes else (self.way,)
        parts = self._cuts(min(self._room(way) for way in ways))
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

    def _cuts(self, room: int) -> list[Cut]:
        """The blocks of a plane or volume; closed forms and images that wrap around are never cut."""
        field, light = self.optics.field, self.optics.margins
        whole = self.prior.halo is None or not self.optics.divisible
        halo = SIGHT * (self.prior.halo or 0)
        margins: tuple[int, ...] = (light[-2] + halo, light[-1] + halo)
        if self.volumes:
            margins = (light[0] + SLICES * self.prior.neighbours, *margins)
        return cut_up(field, math.prod(field) if whole else room, margins, self.prior.stride)

    # doing it ----------------------------------------------------------------------------------

    def restore(self, unit: Unit, watch: Watch) -> Collected:
        """Restore one unit; where memory runs out, in smaller batches and blocks, for good."""
        way = self._way_of(unit)
        if self.most is not None or (way is not self.way and not self.volumes):
            unit = self._cut_anew(unit, way)
        while True:
            try:
                with reused():
                    return self._in_blocks(unit, way, watch)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            unit = self._smaller(unit, way)
            self.notes = ["Memory ran out, so images are restored in smaller parts; it takes longer."]

    def _smaller(self, unit: Unit, way: Way) -> Unit:
        """The same in blocks or batches that take less at once."""
        taken = self._at_once(unit, way)
        while self._room(way) > SMALLEST_SIDE**2:
            self.most = max(min(self._room(way), taken) // 2, SMALLEST_SIDE**2)
            cut = self._cut_anew(unit, way)
            if self._at_once(cut, way) < taken:
                return cut
        raise StackError(
            f"Memory ran out, and {self.stack.name or 'the image'} cannot be restored in smaller parts than it was "
            "just now; your images are untouched. Close other programs, choose another device, or crop the image."
        )

    def _at_once(self, unit: Unit, way: Way) -> int:
        """How many pixels, of all samples that are drawn together, are worked on at most."""
        return max(cut.pixels * max(map(len, self._batches(cut, way))) for cut in unit.cuts)

    def _cut_anew(self, unit: Unit, way: Way) -> Unit:
        """The same planes in blocks for the room that there is now."""
        cuts = self._cuts(self._room(way))
        if self.volumes:
            first = unit.planes[0][-1] // self.factors[0]
            last = first + len(unit.planes) // self.factors[0]
            parts = (_within(cut, first, last) for cut in cuts)
            cuts = [cut for cut in parts if cut.core[0].start < cut.core[0].stop]
        return replace(unit, cuts=tuple(cuts))

    def recorded(self, unit: Unit, cut: Cut) -> NDArray[Any]:
        """What was recorded there, (C, *spatial), as it is in the file."""
        rows, columns = cut.block[-2:]
        indices = [unit.index]
        if self.volumes:
            depth = cut.block[0]
            indices = [(*unit.index, z) for z in range(depth.start, depth.stop)]
        planes = [self.stack.region(index, rows, columns) for index in indices]
        coloured = [p[None] if p.ndim == 2 else np.moveaxis(p, -1, 0) for p in planes]
        return np.stack(coloured, 1) if self.volumes else coloured[0]

    def _way_of(self, unit: Unit) -> Way:
        """Another where pixels are missing, which is found before the first block: all must go one way."""
        if self.stack.dtype.kind != "f":
            return self.way
        parts = []
        for cut in unit.cuts:
            finite = np.isfinite(self.recorded(unit, cut))
            parts.append((bool(finite.any()), bool(finite.all())))
        if not any(some for some, _ in parts):
            where = f", plane {', '.join(map(str, unit.index))}," if unit.index else ""
            raise StackError(
                f"{self.stack.name}{where} holds no pixel that is a number, so there is nothing to restore; leave that "
                "plane out."
            )
        return self.way if all(every for _, every in parts) else self.way_with_holes

    def _in_blocks(self, unit: Unit, way: Way, watch: Watch) -> Collected:
        batches = [self._batches(cut, way) for cut in unit.cuts]
        watch.begin(unit.first, len(unit.planes), way.steps * sum(len(b) for b in batches))
        self.prior.on_tile = watch.tile
        shape = (len(unit.planes), *self.shape[len(self.stack.outer_axes) :])
        empty = {name: np.empty(shape, np.float32) for name in self.names}
        widened = self.widened if way == self.way else 1.0
        result = Collected(empty, self.scale, self.prior.sigma_data, widened)
        for cut, groups in zip(unit.cuts, batches, strict=True):
            Work(self, unit, cut, way, result, watch).restore(groups)
        return result

    def _batches(self, cut: Cut, way: Way) -> list[list[int]]:
        """The numbers of the samples, as many together as memory allows."""
        together = max(self._room(way) // cut.pixels, 1)
        every = range(way.samples)
        return [list(every[n : n + together]) for n in range(0, way.samples, together)] or [[]]


def _within(cut: Cut, first: int, last: int) -> Cut:
    """With those slices of its core alone that lie between."""
    depth, *plane = cut.core
    return replace(cut, core=(slice(max(depth.start, first), min(depth.stop, last)), *plane))


def _refuse_wrong_channels(stack: Stack, prior: Prior) -> None:
    channels = stack.sizes.get("S", 1)
    if channels != prior.channels:
        raise PriorError(
            f"The prior has learned images of {prior.channels} channel(s) and {stack.name or 'this stack'} has "
            f"{channels}; nothing was restored. Choose one channel, or a prior for such images."
        )
