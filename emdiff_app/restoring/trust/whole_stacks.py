"""The check of a whole stack, on a few crops of it: whatever its size, it takes a minute or so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emdiff_app import posterior
from emdiff_app.errors import EMDiffError
from emdiff_app.images import IntensityScale, Stack
from emdiff_app.physics import Imaging, ImagingModel, MaskSpec
from emdiff_app.physics.simulating import acts_on_volumes
from emdiff_app.posterior import auto
from emdiff_app.restoring.intensities import scales_for
from emdiff_app.restoring.task import KnownPrior

from .assessing import Assessment, assess, draw
from .calibrating import calibrate
from .calibration import Calibration, calibration_key, keep_calibration, kept_calibration

__all__ = ["Crop", "Examined", "calibrate_stack", "examine"]

SIDE, CROPS, SAMPLES = 64, 4, 6
DEPTH = 8
"""Slices of a crop of a volume."""
LOOKED_AT = 12
"""Crops are chosen from so many planes."""


@dataclass(frozen=True)
class Crop:
    """Where in the stack: the plane's index, and the first row and column."""

    index: tuple[int, ...]
    row: int
    column: int

    @property
    def name(self) -> str:
        plane = f"plane {', '.join(map(str, self.index))}, " if self.index else ""
        return f"{plane}rows from {self.row}, columns from {self.column}"


@dataclass(frozen=True, eq=False)
class Examined:
    """What was found, where, and with what; `scale` brings pictures back to grey levels."""

    assessment: Assessment
    calibration: Calibration | None
    crops: tuple[Crop, ...]
    scale: IntensityScale
    model: ImagingModel
    prior: str
    sampler: str
    steps: int


@dataclass(frozen=True, eq=False)
class _Bound:
    """Crops of a stack with the imaging model that holds for all of them."""

    imaging: Imaging
    recorded: Tensor
    crops: tuple[Crop, ...]
    scale: IntensityScale
    model: ImagingModel
    steps: int


def examine(
    stack: Stack,
    prior: KnownPrior,
    model: ImagingModel | None = None,
    *,
    samples: int = SAMPLES,
    sampler: str = "auto",
    steps: int | None = None,
    crops: int = CROPS,
    seed: int = 0,
    intensities: str = "prior",
) -> Examined:
    """Restore some crops of a recorded stack and judge that; a calibration that was kept goes with it."""
    bound = _bound(stack, prior, model, sampler, steps, crops, seed, intensities)
    generator = torch.Generator().manual_seed(seed)
    drawn = draw(
        prior.prior,
        bound.imaging,
        bound.recorded,
        samples,
        sampler=sampler,
        steps=bound.steps,
        generator=generator,
    )
    found = assess(
        prior.prior, bound.imaging, bound.recorded, drawn, sampler=sampler, steps=bound.steps, seed=seed + 1
    )
    kept = (
        kept_calibration(calibration_key(prior.sha256, bound.model, sampler, bound.steps))
        if prior.sha256
        else None
    )
    return Examined(found, kept, bound.crops, bound.scale, bound.model, prior.name, sampler, bound.steps)


def calibrate_stack(
    stack: Stack,
    prior: KnownPrior,
    model: ImagingModel | None = None,
    *,
    samples: int = SAMPLES,
    sampler: str = "auto",
    steps: int | None = None,
    images: int = 12,
    seed: int = 0,
    intensities: str = "prior",
) -> Calibration:
    """Measure the calibration for such a stack, and keep it where the prior is a file."""
    bound = _bound(stack, prior, model, sampler, steps, 1, seed, intensities)
    found = calibrate(
        prior.prior,
        bound.imaging,
        images=images,
        samples=samples,
        sampler=sampler,
        steps=bound.steps,
        seed=seed,
    )
    if prior.sha256:
        keep_calibration(calibration_key(prior.sha256, bound.model, sampler, bound.steps), found)
    return found


def _bound(
    stack: Stack,
    prior: KnownPrior,
    model: ImagingModel | None,
    sampler: str,
    steps: int | None,
    count: int,
    seed: int,
    intensities: str,
) -> _Bound:
    chosen = model or prior.model
    if chosen is None:
        raise EMDiffError(
            "This prior does not say how its images were recorded; give the imaging model (--model)."
        )
    channels = stack.sizes.get("S", 1)
    if channels != prior.prior.channels:
        raise EMDiffError(
            f"The prior has learned images of {prior.prior.channels} channel(s) and {stack.name or 'this stack'} has "
            f"{channels}; choose one channel, or a prior for such images."
        )
    scale, noise_scale, _ = scales_for(stack, prior.scale, prior.model or chosen, model, intensities)
    deep = "Z" in stack.axes and (acts_on_volumes(chosen) or int(getattr(prior.prior, "neighbours", 0)) > 0)
    field = tuple(min(SIDE, stack.sizes[a]) for a in "YX")
    places = _choose(stack, field, count, seed)
    recorded = torch.stack([_read(stack, chosen, place, field, deep, scale) for place in places])
    device = next((p.device for p in prior.prior.parameters()), torch.device("cpu"))
    imaging = _without_masks(chosen).bind(
        tuple(recorded.shape[2:]), pixel_size=stack.pixel_size, scale=noise_scale, device=device
    )
    name = auto.choose(imaging, prior.prior)[0] if sampler == "auto" else sampler
    return _Bound(imaging, recorded.to(device), places, scale, chosen, steps or posterior.get(name).steps)


def _choose(stack: Stack, field: tuple[int, ...], count: int, seed: int) -> tuple[Crop, ...]:
    """Half of the crops where there is most to see, half of them anywhere."""
    rng = np.random.default_rng(seed)
    planes = list(stack.plane_indices())
    looked = [planes[i] for i in sorted(rng.choice(len(planes), min(len(planes), LOOKED_AT), replace=False))]
    found: list[tuple[float, Crop]] = []
    for index in looked:
        plane = stack.plane(index)
        grey = plane.mean(-1) if plane.ndim == 3 else plane
        starts = [_starts(n, f) for n, f in zip(grey.shape, field, strict=True)]
        for row in starts[0]:
            for column in starts[1]:
                part = np.asarray(grey[row : row + field[0], column : column + field[1]], np.float64)
                finite = part[np.isfinite(part)]
                if finite.size:
                    found.append((float(finite.std()), Crop(tuple(index), row, column)))
    if not found:
        raise EMDiffError(
            f"{stack.name or 'The stack'} holds no finite values, so there is nothing to check."
        )
    found.sort(key=lambda pair: -pair[0])
    best = [crop for _, crop in found[: (count + 1) // 2]]
    rest = [crop for _, crop in found[len(best) :]]
    order = rng.permutation(len(rest))[: count - len(best)]
    return tuple(best + [rest[i] for i in order])


def _starts(length: int, field: int) -> list[int]:
    """Windows side by side; the last one ends at the border."""
    return sorted({*range(0, length - field + 1, field), length - field})


def _read(
    stack: Stack, model: ImagingModel, place: Crop, field: tuple[int, ...], deep: bool, scale: IntensityScale
) -> Tensor:
    """The crop as (C, [Z,] Y, X) in the prior's units; pixels that were not recorded are NaN."""
    rows, columns = slice(place.row, place.row + field[0]), slice(place.column, place.column + field[1])
    if deep:
        axis = [a for a in stack.axes if a not in "YXS"].index("Z")
        depth = stack.sizes["Z"]
        first = min(max(place.index[axis] - DEPTH // 2, 0), max(depth - DEPTH, 0))
        slices = [
            stack.plane((*place.index[:axis], z, *place.index[axis + 1 :]))[rows, columns]
            for z in range(first, min(first + DEPTH, depth))
        ]
        part = np.stack(slices)
    else:
        part = stack.plane(place.index)[rows, columns]
    values = np.asarray(part, np.float32)
    values = np.moveaxis(values, -1, 0) if "S" in stack.axes else values[None]
    y = torch.from_numpy(np.ascontiguousarray(scale.forward(values), np.float32))
    seen = _recorded(stack, model, rows, columns)
    return y if seen is None else torch.where(torch.from_numpy(seen), y, torch.nan)


def _recorded(stack: Stack, model: ImagingModel, rows: slice, columns: slice) -> NDArray[np.bool_] | None:
    """Which pixels of a crop the model's masks let through."""
    if not _masks(model):
        return None
    whole = tuple(stack.sizes[a] for a in "YX")
    masks = model.model_copy(update={"operator": _masks(model)})
    observed = masks.bind(whole, pixel_size=stack.pixel_size).observed
    return None if observed is None else np.asarray(observed[0, 0, rows, columns].cpu().numpy(), bool)


def _masks(model: ImagingModel) -> tuple[Any, ...]:
    return tuple(o for o in model.operator if isinstance(o, MaskSpec))


def _without_masks(model: ImagingModel) -> ImagingModel:
    """Missing pixels are NaN in the images: each crop has its own."""
    if not _masks(model):
        return model
    if not isinstance(model.operator[-1], MaskSpec) or len(_masks(model)) > 1:
        raise EMDiffError(
            "An imaging model whose mask is not its last operator cannot be checked with a prior yet; nothing was "
            "checked. Check without --prior."
        )
    return model.model_copy(update={"operator": model.operator[:-1]})
