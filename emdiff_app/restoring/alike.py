"""A result is a stack like its input: the same axes, channels and place, with finer pixels where some were lost."""

import numpy as np

from emdiff_app.images import PixelSize, PlaneReader, Stack

from .optics import Optics

__all__ = ["alike"]


def alike(stack: Stack, reader: PlaneReader, word: str, optics: Optics, axes: str) -> Stack:
    """`stack` with other pixels of type float32; along `axes` of the imaging model they may be finer.

    Of pixels that are s times finer the first lies half an old pixel less half a new one before the first old one.
    """
    sizes, places = dict(stack.pixel_size), dict(stack.extras.get("translation", {}))
    finer = dict(zip(axes, optics.factors, strict=True))
    for axis, shift in zip(axes, optics.place, strict=True):
        if finer[axis] == 1:
            continue
        size = sizes.get(axis)
        fine = PixelSize(1.0, "pixel") if size is None else PixelSize(size.value / finer[axis], size.unit)
        if size is not None:
            sizes[axis] = fine
        start = places[axis].value if axis in places else 0.0
        places[axis] = PixelSize(start + shift * fine.value, fine.unit)
    return stack.with_(
        reader=reader,
        shape=tuple(n * finer.get(axis, 1) for axis, n in stack.sizes.items()),
        dtype=np.dtype(np.float32),
        name=f"{stack.name} {word}".strip(),
        pixel_size=sizes,
        significant_bits=None,
        warnings=(),
        extras={**stack.extras, **({"translation": places} if places else {})},
    )
