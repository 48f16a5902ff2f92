"""What there is to see of an imaging model: the measured noise, the PSF, what it makes of a sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app.errors import PhysicsError
from emdiff_app.images import IntensityScale, PixelSize, Stack, open_stack, stack_from_array
from emdiff_app.physics import BlurSpec, ImagingModel, MotionBlurSpec
from emdiff_app.resources import resource_path

from .torch_ahead import load_torch

if TYPE_CHECKING:
    from emdiff_app.restoring.optics import Optics

__all__ = ["ModelPreview", "NoiseFit", "Picture", "PsfPicture", "draw_psf", "noise_fit", "preview_model"]

SIDE = 192


@dataclass(frozen=True, eq=False)
class NoiseFit:
    """The measured variances over the level, and the line that was fitted to them."""

    name: str
    levels: NDArray[np.float64]
    variances: NDArray[np.float64]
    line: NDArray[np.float64]


def noise_fit(found: Any) -> NoiseFit:
    """The curve of a `NoiseEstimate`."""
    levels = np.array([point.level for point in found.points], float)
    variances = np.array([point.variance for point in found.points], float)
    line = np.broadcast_to(np.asarray(found.model.variance(levels), float), levels.shape)
    return NoiseFit(found.name, levels, variances, line)


@dataclass(frozen=True, eq=False)
class PsfPicture:
    """The plane of a PSF that is in focus, and its width."""

    plane: NDArray[np.float64]
    pixel_um: float | None
    fwhm_px: float

    @property
    def words(self) -> str:
        """`0.21 um (2.1 pixels) wide at half its height`."""
        pixels = f"{self.fwhm_px:.1f} pixels"
        size = pixels if self.pixel_um is None else f"{self.fwhm_px * self.pixel_um:.2g} um ({pixels})"
        return f"{size} wide at half its height"


def draw_psf(model: ImagingModel, pixel_size: Mapping[str, PixelSize]) -> PsfPicture:
    """The first blur of the model on pixels of this size."""
    from emdiff_app.physics.psf import fwhm, motion_psf, pixel_sizes_um, psf_array

    for spec in model.operator:
        if isinstance(spec, BlurSpec):
            array = psf_array(spec.psf, pixel_size=pixel_size, place=model.place)
        elif isinstance(spec, MotionBlurSpec):
            array = motion_psf(spec, pixel_size=pixel_size)
        else:
            continue
        known = pixel_sizes_um(pixel_size, 2, "psf")[-1] if pixel_size.get("X") else None
        return PsfPicture(array, known, fwhm(array, 1))
    raise PhysicsError("This imaging model has no blur, so there is no PSF to draw; tick Blur.")


@dataclass(frozen=True, eq=False)
class Picture:
    title: str
    pixels: NDArray[Any]


@dataclass(frozen=True, eq=False)
class ModelPreview:
    """Pictures on one grey scale, and what they say."""

    pictures: tuple[Picture, ...]
    limits: tuple[float, float]
    sentence: str
    residual: NDArray[Any] | None = None  # whitened, where there was a restored image to check


def preview_model(model: ImagingModel, recorded: Stack, restored: Stack | None = None) -> ModelPreview:
    """Record a sample under the model: the restored image if there is one, else a clean one that ships with us."""
    load_torch()
    index = tuple(n // 2 for n in recorded.shape[: len(recorded.outer_axes)])
    plane = _first_colour(recorded.plane(index))
    y = plane[_window(plane.shape, (SIDE, SIDE))]
    low, high = np.percentile(y[np.isfinite(y)], (0.5, 99.8))
    limits = (float(low), float(high))
    if restored is not None and restored.shape == recorded.shape:
        again = _first_colour(restored.plane(index))[_window(plane.shape, (SIDE, SIDE))]
        return _checked(model, recorded, y, again, limits)
    sample = _sample(y.shape, limits)
    again = _recorded(model, sample, recorded)
    sentence = (
        "If the second picture is as blurred and as noisy as yours, the model is right. The sample itself is not from "
        "your image."
    )
    pictures = (
        Picture("a clean sample", sample),
        Picture("recorded under the model", again),
        Picture("your image", y),
    )
    return ModelPreview(pictures, limits, sentence)


def _checked(
    model: ImagingModel, recorded: Stack, y: NDArray[Any], x: NDArray[Any], limits: tuple[float, float]
) -> ModelPreview:
    """The restored image, recorded again, beside the recorded one; and what is left over between them."""
    import torch

    from emdiff_app.physics.checking import agreement, on_domain

    imaging = _optics(model, recorded).bind(_window(recorded.plane_shape, y.shape))
    data = torch.from_numpy(np.ascontiguousarray(y, np.float32))[None, None]
    image, counted = on_domain(imaging, torch.from_numpy(np.ascontiguousarray(x, np.float32))[None, None])
    found = agreement(imaging, data, image, counted)
    residual = torch.where(counted, imaging.residual(data, image), 0.0)[0, 0].numpy()
    again = _recorded(model, x, recorded)
    pictures = (Picture("restored", x), Picture("recorded again", again), Picture("your image", y))
    return ModelPreview(pictures, limits, found.verdict, residual)


def _recorded(model: ImagingModel, x: NDArray[Any], recorded: Stack) -> NDArray[Any]:
    """What the model makes of a sample that lies in the middle of the recorded image, where its masks are cut."""
    from emdiff_app.physics import simulate_stack

    # The sample stands for finer pixels where the model makes them coarser.
    optics = _optics(model, recorded)
    small = tuple(n // f for n, f in zip(x.shape, optics.factors, strict=True))
    bound = optics.bind(_window(recorded.plane_shape, small))
    return simulate_stack(stack_from_array(x.astype(np.float32), "YX"), model, seed=0, bound=bound).plane()


def _optics(model: ImagingModel, recorded: Stack) -> Optics:
    """The model on a whole recorded plane, for a window of it."""
    import torch

    from emdiff_app.restoring.optics import Optics

    as_recorded = IntensityScale(offset=0.0, gain=1.0)
    return Optics(model, recorded.plane_shape[:2], recorded.pixel_size, as_recorded, torch.device("cpu"))


def _sample(shape: tuple[int, ...], limits: tuple[float, float]) -> NDArray[Any]:
    """A clean image with the range of the user's."""
    with open_stack(resource_path("example/truth.tif")) as truth:
        clean = truth.plane((0,) * len(truth.outer_axes)).astype(np.float32)
    low, high = np.percentile(clean, (0.5, 99.8))
    clean = limits[0] + (clean - low) * (limits[1] - limits[0]) / max(float(high - low), 1e-9)
    side = min(*shape, *clean.shape)
    return clean[_window(clean.shape, (side, side))]


def _window(shape: Sequence[int], size: Sequence[int]) -> tuple[slice, ...]:
    """The middle of a plane, of this size where the plane is as large."""
    sizes = [min(n, wanted) for n, wanted in zip(shape[:2], size, strict=True)]
    starts = [(n - own) // 2 for n, own in zip(shape, sizes, strict=False)]
    return tuple(slice(start, start + own) for start, own in zip(starts, sizes, strict=True))


def _first_colour(plane: NDArray[Any]) -> NDArray[Any]:
    return plane[..., 0] if plane.ndim == 3 else plane
