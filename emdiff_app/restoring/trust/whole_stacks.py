"""The check of a whole stack, on a few crops of it: whatever its size, it takes a minute or so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from emdiff_app.errors import EMDiffError
from emdiff_app.images import IntensityScale, PixelSize, Stack
from emdiff_app.physics import Imaging, ImagingModel, NoiseSpec, bind_noise
from emdiff_app.physics.simulating import acts_on_volumes
from emdiff_app.restoring.chosen_prior import KnownPrior
from emdiff_app.restoring.intensities import scales_for
from emdiff_app.restoring.ways import Settings, Way, at_once, way_for

from .assessing import Assessment, OnStep, assess, draw
from .calibrating import calibrate, calibrate_estimate
from .calibration import Calibration, calibration_key, keep_calibration, kept_calibration
from .crops import Crop, choose, masks_of, read_crop, without_masks

__all__ = ["Crop", "Examined", "calibrate_stack", "examine"]

SIDE, CROPS, SAMPLES = 64, 4, 4
CALIBRATED = 6
"""So many samples of each simulated image."""


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
    pixel_size: Mapping[str, PixelSize]
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
        seen=torch.isfinite(bound.recorded[:1]) if masks_of(bound.model) else None,
    )
    _keep(prior, bound, _by_samples(bound, sampler), found)
    if bound.usual.samples or masks_of(bound.model):
        return found
    found = calibrate_estimate(
        prior.prior,
        bound.imaging,
        partial(at_once, prior.prior, bound.usual),
        images=images,
        sampler=bound.usual.calibrated_as,
        steps=bound.usual.steps,
        seed=seed,
    )
    _keep(prior, bound, bound.usual, found)
    return found


def _by_samples(bound: _Bound, sampler: str) -> Way:
    return replace(bound.usual, calibrated_as=sampler, steps=bound.steps)


def _key(prior: KnownPrior, bound: _Bound, way: Way) -> str:
    return calibration_key(prior.sha256, bound.model, bound.pixel_size, way.calibrated_as, way.steps)


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
    places = choose(stack, field, count, seed)
    recorded = torch.stack([read_crop(stack, chosen, place, field, deep, scale) for place in places])
    device = next((p.device for p in prior.prior.parameters()), torch.device("cpu"))
    imaging = without_masks(chosen).bind(
        tuple(recorded.shape[2:]), pixel_size=stack.pixel_size, scale=noise_scale, device=device
    )
    if noises is not None:
        own = [noises.get(place.index, chosen.noise) for place in places]
        noise = bind_noise(own, recorded.ndim, device=device).scaled(noise_scale)
        imaging = replace(imaging, noise=noise)
    holes = bool(masks_of(chosen)) or not bool(torch.isfinite(recorded).all())
    drawing = Settings(samples=SAMPLES, sampler=sampler, steps=steps)
    way = way_for(drawing, imaging, prior.prior, holes=holes)
    usual = way_for(
        Settings(sampler=sampler, steps=steps),
        imaging,
        prior.prior,
        prior.estimate,
        holes=bool(masks_of(chosen)),
    )
    return _Bound(imaging, recorded.to(device), places, scale, chosen, stack.pixel_size, way.steps, usual)
