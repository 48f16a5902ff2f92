"""The check of a whole stack, on a few crops of it: whatever its size, it takes a minute or so."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emdiff_app.diffusion import Batch, Prior
from emdiff_app.diffusion.one_pass import one_pass
from emdiff_app.errors import EMDiffError
from emdiff_app.images import IntensityScale, Stack
from emdiff_app.physics import Imaging, ImagingModel, MaskSpec, NoiseSpec, bind_noise
from emdiff_app.physics.simulating import acts_on_volumes
from emdiff_app.restoring.intensities import scales_for
from emdiff_app.restoring.look import look
from emdiff_app.restoring.task import KnownPrior
from emdiff_app.restoring.ways import PASS_WAYS, Settings, Way, way_for

from .assessing import Assessment, OnStep, assess, draw
from .calibrating import Estimate, calibrate, calibrate_estimate
from .calibration import Calibration, calibration_key, keep_calibration, kept_calibration

__all__ = ["Crop", "Examined", "calibrate_stack", "examine"]

SIDE, CROPS, SAMPLES = 64, 4, 4
CALIBRATED = 6
"""So many samples of each simulated image."""
DEPTH = 8
"""Slices of a crop of a volume."""
LOOKED_AT, LARGEST = 12, 2048
"""Crops are chosen from so many planes, and from a part of this side where planes are larger."""
LEAST = 0.25
"""Of a crop at least this share must have been recorded, where the stack has such crops."""


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
    usual: Way
    """How such a stack is restored when nothing is asked for."""


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
    noises: Mapping[tuple[int, ...], NoiseSpec] | None = None,
    on_step: OnStep = lambda: None,
) -> Examined:
    """Restore some crops of a recorded stack and judge that; a calibration that was kept goes with it.

    `noises` is the noise of each plane, where they differ. `on_step` may raise to stop.
    """
    bound = _bound(stack, prior, model, sampler, steps, crops, seed, intensities, noises)
    generator = torch.Generator().manual_seed(seed)
    drawn = draw(
        prior.prior,
        bound.imaging,
        bound.recorded,
        samples,
        sampler=sampler,
        steps=bound.steps,
        generator=generator,
        on_step=on_step,
    )
    found = assess(
        prior.prior,
        bound.imaging,
        bound.recorded,
        drawn,
        sampler=sampler,
        steps=bound.steps,
        seed=seed + 1,
        on_step=on_step,
    )
    kept = kept_calibration(_key(prior, bound, bound.usual)) if prior.sha256 else None
    return Examined(found, kept, bound.crops, bound.scale, bound.model, prior.name, sampler, bound.steps)


def calibrate_stack(
    stack: Stack,
    prior: KnownPrior,
    model: ImagingModel | None = None,
    *,
    samples: int = CALIBRATED,
    sampler: str = "auto",
    steps: int | None = None,
    images: int = 12,
    seed: int = 0,
    intensities: str = "prior",
) -> Calibration:
    """Measure the calibration for such a stack, and keep it where the prior is a file.

    That of samples, and that of the estimate without samples where such stacks are restored by one: the latter is
    returned then.
    """
    bound = _bound(stack, prior, model, sampler, steps, 1, seed, intensities)
    found = calibrate(
        prior.prior,
        bound.imaging,
        images=images,
        samples=samples,
        sampler=sampler,
        steps=bound.steps,
        seed=seed,
        seen=torch.isfinite(bound.recorded[:1]) if _masks(bound.model) else None,
    )
    _keep(prior, bound, _by_samples(bound, sampler), found)
    if bound.usual.samples or _masks(bound.model):
        return found
    found = calibrate_estimate(
        prior.prior,
        bound.imaging,
        _estimate(prior.prior, bound.usual),
        images=images,
        sampler=bound.usual.calibrated_as,
        steps=bound.usual.steps,
        seed=seed,
    )
    _keep(prior, bound, bound.usual, found)
    return found


def _by_samples(bound: _Bound, sampler: str) -> Way:
    return replace(bound.usual, calibrated_as=sampler, steps=bound.steps)


def _estimate(prior: Prior, way: Way) -> Estimate:
    """What `way` makes of recorded images without samples."""
    if way.one_pass:
        return lambda imaging, y: one_pass(prior, Batch.of(imaging, y), ways=PASS_WAYS)
    return lambda imaging, y: look(prior, imaging, y, on_step=lambda: None)


def _key(prior: KnownPrior, bound: _Bound, way: Way) -> str:
    return calibration_key(prior.sha256, bound.model, way.calibrated_as, way.steps)


def _keep(prior: KnownPrior, bound: _Bound, way: Way, found: Calibration) -> None:
    if prior.sha256:
        keep_calibration(_key(prior, bound, way), found)


def _bound(
    stack: Stack,
    prior: KnownPrior,
    model: ImagingModel | None,
    sampler: str,
    steps: int | None,
    count: int,
    seed: int,
    intensities: str,
    noises: Mapping[tuple[int, ...], NoiseSpec] | None = None,
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
    if noises is not None:
        own = [noises.get(place.index, chosen.noise) for place in places]
        noise = bind_noise(own, recorded.ndim, device=device).scaled(noise_scale)
        imaging = replace(imaging, noise=noise)
    holes = bool(_masks(chosen)) or not bool(torch.isfinite(recorded).all())
    drawing = Settings(samples=SAMPLES, sampler=sampler, steps=steps)
    way = way_for(drawing, imaging, prior.prior, holes=holes)
    usual = way_for(
        Settings(sampler=sampler, steps=steps),
        imaging,
        prior.prior,
        prior.estimate,
        holes=bool(_masks(chosen)),
    )
    return _Bound(imaging, recorded.to(device), places, scale, chosen, way.steps, usual)


def _choose(stack: Stack, field: tuple[int, ...], count: int, seed: int) -> tuple[Crop, ...]:
    """Half of the crops where there is most to see, half of them anywhere."""
    rng = np.random.default_rng(seed)
    planes = list(stack.plane_indices())
    looked = [planes[i] for i in sorted(rng.choice(len(planes), min(len(planes), LOOKED_AT), replace=False))]
    found: list[tuple[float, Crop]] = []
    sparse: list[tuple[float, Crop]] = []
    for index in looked:
        starts = [int(rng.integers(max(stack.sizes[a] - LARGEST, 0) + 1)) for a in "YX"]
        part = [slice(s, min(s + LARGEST, stack.sizes[a])) for s, a in zip(starts, "YX", strict=True)]
        plane = stack.region(index, *part)
        grey = plane.mean(-1) if plane.ndim == 3 else plane
        for row, column in itertools.product(*map(_starts, grey.shape, field)):
            crop = np.asarray(grey[row : row + field[0], column : column + field[1]], np.float64)
            finite = crop[np.isfinite(crop)]
            if finite.size:
                own = found if finite.size >= LEAST * crop.size else sparse
                own.append((float(finite.std()), Crop(tuple(index), starts[0] + row, starts[1] + column)))
    found = found or sparse
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
            stack.region((*place.index[:axis], z, *place.index[axis + 1 :]), rows, columns)
            for z in range(first, min(first + DEPTH, depth))
        ]
        part = np.stack(slices)
    else:
        part = stack.region(place.index, rows, columns)
    values = np.asarray(part, np.float32)
    values = np.moveaxis(values, -1, 0) if "S" in stack.axes else values[None]
    y = torch.from_numpy(np.ascontiguousarray(scale.forward(values), np.float32))
    seen = _recorded(stack, model, rows, columns)
    return y if seen is None else torch.where(torch.from_numpy(seen), y, torch.nan)


def _recorded(stack: Stack, model: ImagingModel, rows: slice, columns: slice) -> NDArray[np.bool_] | None:
    """Which pixels of a crop the model's masks let through; those that come with the images are known by NaN."""
    if not any(mask.pattern != "array" for mask in _masks(model)):
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
