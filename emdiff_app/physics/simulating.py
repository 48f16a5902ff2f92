"""Whole stacks through an imaging model: what a microscope would have recorded of them, plane by plane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app.errors import PhysicsError
from emdiff_app.images import PixelSize, Stack

from .model import ImagingModel
from .operators.specs import BlurSpec, DownsampleSpec, MaskSpec
from .psf.specs import GaussianPsf, MicroscopePsf

if TYPE_CHECKING:
    from .imaging import Imaging

__all__ = ["acts_on_volumes", "brightest", "simulate_stack"]


def simulate_stack(
    stack: Stack,
    model: ImagingModel,
    seed: int,
    *,
    volumes: bool | None = None,
    lift: float | None = None,
    bound: Imaging | None = None,
) -> Stack:
    """The stack as it would be recorded, computed when its planes are read.

    The images are taken as noise-free recorded levels, the camera's offset included; `lift` multiplies them
    and adds that offset, for images in which 0 means no light. Beyond the border the image is mirrored, so
    that the result covers the same field. The draws depend on `seed` and the number of the plane (or
    volume) alone. `volumes` blurs along Z as well; None: where the model says so by numbers for three axes.
    `bound` is the model made concrete, for a part of an image that is larger than the stack.
    """
    volumes = acts_on_volumes(model) if volumes is None else volumes
    if volumes and "Z" not in stack.axes:
        raise PhysicsError(
            f"{stack.name or 'The image'} has no Z axis and the imaging model is for volumes; nothing was written. "
            "Say which axis is Z with --axes, or use a model for planes."
        )
    axes = "ZYX" if volumes else "YX"
    shape = tuple(stack.sizes[a] for a in axes)
    factors = _factors(model, len(axes))
    if any(n < f for n, f in zip(shape, factors, strict=True)):
        raise PhysicsError(
            f"{stack.name or 'The image'} is smaller than one pixel after downsampling; nothing was written."
        )
    small = tuple(n // f for n, f in zip(shape, factors, strict=True))
    sizes = {
        a: PixelSize(s.value * f, s.unit)
        for a, f in zip(axes, factors, strict=True)
        if (s := stack.pixel_size.get(a))
    }
    pixel_size: dict[str, PixelSize] = {**stack.pixel_size, **sizes}
    bound = bound or model.bind(small, pixel_size=pixel_size)
    cut = [f"{n % f} along {a}" for a, n, f in zip(axes, shape, factors, strict=True) if n % f]
    warnings = (
        (f"{', '.join(cut)} pixels at the end do not fill a larger pixel and were left out.",) if cut else ()
    )
    reader = _Simulation(stack, bound, seed, axes, _lifting(model, lift))
    new = dict(zip(axes, small, strict=True))
    return stack.with_(
        reader=reader,
        shape=tuple(new.get(a, n) for a, n in stack.sizes.items()),
        dtype=np.dtype(np.float32),
        significant_bits=None,
        pixel_size=pixel_size,
        warnings=(*stack.warnings, *warnings),
        extras={**stack.extras, "shift_px": _shift(bound, axes)},
    )


def brightest(stack: Stack, percentile: float = 99.9, planes: int = 8) -> float:
    """The level that all but the very brightest pixels of a few planes stay below."""
    indices = list(stack.plane_indices())
    chosen = indices[:: -(-len(indices) // planes)]
    level = max(float(np.percentile(stack.plane(i), percentile)) for i in chosen)
    if not np.isfinite(level) or level <= 0:
        raise PhysicsError(
            f"{stack.name or 'The image'} holds no light above 0 to scale; nothing was written."
        )
    return level


def acts_on_volumes(model: ImagingModel) -> bool:
    """Whether the model names three axes somewhere."""
    return any(
        (isinstance(o, DownsampleSpec) and isinstance(o.factor, tuple) and len(o.factor) == 3)
        or (isinstance(o, MaskSpec) and o.pattern == "lines" and o.axis == "Z")
        or (isinstance(o, BlurSpec) and _of_volume(o.psf))
        for o in model.operator
    )


def _of_volume(psf: Any) -> bool:
    if isinstance(psf, GaussianPsf | MicroscopePsf) and psf.shape and len(psf.shape) == 3:
        return True
    widths = (psf.fwhm_um, psf.fwhm_px, psf.sigma_px) if isinstance(psf, GaussianPsf) else ()
    return any(isinstance(w, tuple) and len(w) == 3 for w in widths)


@dataclass
class _Simulation:
    """A reader that records each plane of another stack when it is asked for."""

    stack: Stack
    bound: Imaging
    seed: int
    axes: str
    lifting: tuple[float, float]
    _last: tuple[Any, Any] = field(default=(None, None))

    def read(self, index: tuple[int, ...]) -> NDArray[Any]:
        if self.axes == "YX":
            return self._recorded(index, self.stack.plane(index))
        at = self.stack.outer_axes.index("Z")
        outside = (*index[:at], *index[at + 1 :])
        if self._last[0] != outside:
            depth = self.stack.sizes["Z"]
            planes = [self.stack.plane((*index[:at], z, *index[at + 1 :])) for z in range(depth)]
            self._last = (outside, self._recorded(outside, np.stack(planes)))
        volume: NDArray[Any] = self._last[1]
        return volume[index[at]]

    def read_region(self, index: tuple[int, ...], rows: slice, columns: slice) -> NDArray[Any]:
        return self.read(index)[rows, columns]

    def close(self) -> None:
        self.stack.close()

    def _recorded(self, number: tuple[int, ...], image: NDArray[Any]) -> NDArray[np.float32]:
        import torch

        colours = "S" in self.stack.axes
        x = np.moveaxis(image, -1, 0) if colours else image[None]
        gain, offset = self.lifting
        if not np.isfinite(x).all():
            raise PhysicsError(
                f"{self.stack.name or 'The image'}: plane {number} holds pixels that are not numbers (NaN); "
                "nothing was written. Replace them before simulating."
            )
        x = offset + gain * self._extended(x.astype(np.float32))
        own = np.random.SeedSequence([self.seed, *number]).generate_state(2, np.uint32)
        seed = int(own[0]) << 31 | int(own[1]) >> 1
        y = self.bound.simulate(torch.from_numpy(np.ascontiguousarray(x, np.float32))[None], seed)[0].numpy()
        return np.moveaxis(y, 0, -1) if colours else y[0]

    def _extended(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """The image mirrored at its borders onto the model's domain."""
        window = self.bound.operator.window(tuple(slice(0, n) for n in self.bound.field))
        x = x[(slice(None), *(slice(w.stop - w.start) for w in window))]
        margins = [(w.start, n - w.stop) for w, n in zip(window, self.bound.domain, strict=True)]
        return np.pad(x, [(0, 0), *margins], mode="symmetric")


def _factors(model: ImagingModel, ndim: int) -> tuple[int, ...]:
    from .operators.building import downsampling

    return downsampling(model.operator, ndim)


def _lifting(model: ImagingModel, lift: float | None) -> tuple[float, float]:
    """Factor and offset that turn the images into recorded levels."""
    return (1.0, 0.0) if lift is None else (lift, float(model.noise.parameters().offset))


def _shift(bound: Imaging, axes: str) -> Mapping[str, float]:
    """How far, in given pixels, the centre of the first recorded pixel lies from that of the first given one."""
    first = bound.operator.window((slice(0, 1),) * len(axes))
    start = bound.operator.window(tuple(slice(0, n) for n in bound.field))
    return {
        a: (f.stop - f.start - 1) / 2 + (f.start - s.start)
        for a, f, s in zip(axes, first, start, strict=True)
        if f.stop - f.start > 1
    }
