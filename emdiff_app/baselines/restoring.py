"""Running a method: on one plane in recorded units, on a batch, and with the settings that the truth likes best."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emdiff_app.errors import EMDiffError
from emdiff_app.images import PixelSize
from emdiff_app.physics import Imaging, ImagingModel

from .recorded import Recorded
from .registry import Method, Progress, method

__all__ = ["Best", "best_of", "best_on_truth", "prepared", "restore_images", "restore_with"]

Errors = Callable[[Tensor, Tensor], Tensor]
"""One error for each image."""


def restore_with(
    name: str,
    y: NDArray[Any],
    model: ImagingModel,
    *,
    pixel_size: Mapping[str, PixelSize] | None = None,
    **parameters: Any,
) -> NDArray[np.float32]:
    """One recorded plane, YX or YXS, restored in its own units."""
    recorded = _of_plane(y, model, pixel_size)
    return _to_plane(_restored(method(name), recorded, parameters), y.ndim)


def restore_images(
    name: str,
    y: Tensor,
    imaging: Imaging,
    *,
    smaller: Callable[[tuple[int, ...]], Imaging] | None = None,
    **parameters: Any,
) -> Tensor:
    """Recorded images `(B, C, Y, X)`, restored on the recorded field."""
    return _restored(method(name), Recorded(y, imaging, smaller), parameters)


def prepared(
    name: str,
    planes: Sequence[NDArray[Any]],
    model: ImagingModel,
    *,
    pixel_size: Mapping[str, PixelSize] | None = None,
    on_progress: Progress | None = None,
    **parameters: Any,
) -> dict[str, Any]:
    """The parameters with what the method learns from a whole stack, once; most methods learn nothing."""
    chosen = method(name)
    settings = chosen.settings(parameters)
    if chosen.learn is None:
        return parameters
    recorded = [_of_plane(y, model, pixel_size) for y in planes]
    for each in recorded:
        _check(chosen, each)
    return {**parameters, **chosen.learn(recorded, settings, on_progress)}


@dataclass(frozen=True)
class Best:
    """What a method can do at best: with one setting for all images, and with one for each of them."""

    image: Tensor
    parameters: dict[str, Any]
    each: Tensor
    each_parameters: tuple[dict[str, Any], ...]


def mean_square(made: Tensor, truth: Tensor) -> Tensor:
    return (made - truth).square().flatten(1).mean(1)


def best_of(
    name: str,
    y: Tensor,
    truth: Tensor,
    imaging: Imaging,
    *,
    errors: Errors = mean_square,
    smaller: Callable[[tuple[int, ...]], Imaging] | None = None,
    **fixed: Any,
) -> Best:
    """The method with the settings, among those it tries, that bring the images closest to the truth.

    One setting for all is the one with the best mean PSNR, the mean of the logarithms of the errors.
    """
    chosen, recorded = method(name), Recorded(y, imaging, smaller)
    tried = {k: p.tries for k, p in chosen.parameters.items() if p.tries and k not in fixed}
    settings = [dict(zip(tried, values, strict=True)) for values in itertools.product(*tried.values())]
    made = [_restored(chosen, recorded, {**fixed, **setting}) for setting in settings]
    error = torch.stack([errors(images, truth) for images in made]).clamp_min(torch.finfo(y.dtype).tiny)
    overall = int(error.log().mean(1).argmin())
    own = error.argmin(0).tolist()
    return Best(
        made[overall],
        settings[overall],
        torch.stack([made[at][number] for number, at in enumerate(own)]),
        tuple(settings[at] for at in own),
    )


def best_on_truth(
    name: str,
    y: NDArray[Any],
    truth: NDArray[Any],
    model: ImagingModel,
    *,
    pixel_size: Mapping[str, PixelSize] | None = None,
    **fixed: Any,
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """One plane with the settings that the truth likes best, and those settings."""
    recorded = _of_plane(y, model, pixel_size)
    target = torch.from_numpy(_channels_first(truth))[None]
    best = best_of(name, recorded.y, target, recorded.imaging, smaller=recorded.smaller, **fixed)
    return _to_plane(best.image, y.ndim), best.parameters


@torch.no_grad()
def _restored(chosen: Method, recorded: Recorded, given: Mapping[str, Any]) -> Tensor:
    settings = chosen.settings(given)
    _check(chosen, recorded)
    if chosen.learn is not None:
        settings |= chosen.learn([recorded], settings, None)
    made: Tensor = chosen.restore(recorded, **settings)
    return made


def _check(chosen: Method, recorded: Recorded) -> None:
    """Refuse, in words, what a method cannot do."""
    whole = bool(recorded.seen.all())
    if "psf" in chosen.needs and not recorded.blurred:
        raise EMDiffError(
            f"{chosen.name} undoes blur, and the imaging model has none; nothing was restored. Name a model with a "
            "blur, or use a method for noise such as tv."
        )
    if "mask" in chosen.needs and whole:
        raise EMDiffError(
            f"{chosen.name} fills missing pixels, and none are missing; nothing was restored. Name a model with a "
            "mask, or use a method for noise such as tv."
        )
    if recorded.shrunk and "low resolution" not in chosen.handles:
        raise EMDiffError(
            f"{chosen.name} does not raise the resolution; nothing was restored. Use wiener, tv or richardson-lucy."
        )
    if not whole and "missing pixels" not in chosen.handles:
        raise EMDiffError(
            f"{chosen.name} cannot leave out missing pixels; nothing was restored. Use wiener, tv or biharmonic."
        )
    if not bool(recorded.seen.flatten(1).any(1).all()):
        raise EMDiffError(
            "No pixel of this image was recorded, so there is nothing to restore; check the mask."
        )


def _of_plane(y: NDArray[Any], model: ImagingModel, pixel_size: Mapping[str, PixelSize] | None) -> Recorded:
    tensor = torch.from_numpy(_channels_first(y))[None]
    imaging = model.bind(tuple(tensor.shape[2:]), pixel_size=pixel_size)
    bare = model.model_copy(update={"operator": tuple(o for o in model.operator if o.kind != "mask")})

    def smaller(field: tuple[int, ...]) -> Imaging:
        return bare.bind(field, pixel_size=pixel_size)

    return Recorded(tensor, imaging, smaller)


def _channels_first(plane: NDArray[Any]) -> NDArray[np.float32]:
    if plane.ndim not in (2, 3):
        raise EMDiffError(f"These methods restore planes (YX or YXS), not arrays of {plane.ndim} axes.")
    channels = plane[None] if plane.ndim == 2 else np.moveaxis(plane, -1, 0)
    return np.ascontiguousarray(channels, np.float32)


def _to_plane(images: Tensor, ndim: int) -> NDArray[np.float32]:
    channels = images[0].numpy().astype(np.float32)
    return channels[0] if ndim == 2 else np.moveaxis(channels, 0, -1)
