"""Convolution by FFT, with as little memory traffic as the libraries allow."""

from __future__ import annotations

import scipy.fft
import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Shape", "circulant", "convolve"]

Shape = tuple[int, ...]


def convolve(x: Tensor, transfer: Tensor, size: Shape, start: Shape, shape: Shape) -> Tensor:
    """The circular convolution of x, with zeros behind it up to `size`: `shape` pixels of it from `start` on.

    `transfer` is the kernel's rfftn of that size. On a processor, and where no gradient is asked for, the
    axes are transformed one by one, in place, and only those lines that hold or will show anything: a third
    less time than padding the image and transforming all of it.
    """
    if x.device.type == "cpu" and not (
        torch.is_grad_enabled() and (x.requires_grad or transfer.requires_grad)
    ):
        return _by_lines(x, transfer, size, start, shape)
    axes = tuple(range(2, x.ndim))
    margins = [(0, m - n) for m, n in zip(size, x.shape[2:], strict=True)]
    padded = (
        functional.pad(x, [m for margin in reversed(margins) for m in margin])
        if any(map(any, margins))
        else x
    )
    y = torch.fft.irfftn(torch.fft.rfftn(padded, dim=axes) * transfer, s=size, dim=axes)
    for axis, (first, n) in enumerate(zip(start, shape, strict=True), 2):
        y = y.narrow(axis, first, n)
    return y


def circulant(x: Tensor, spectrum: Tensor) -> Tensor:
    """The circular convolution whose eigenvalues over the rfft frequencies are `spectrum`."""
    field = tuple(x.shape[2:])
    return convolve(x, spectrum, field, (0,) * len(field), field)


def _by_lines(x: Tensor, transfer: Tensor, size: Shape, start: Shape, shape: Shape) -> Tensor:
    options = {"workers": torch.get_num_threads(), "overwrite_x": True}
    spectrum = scipy.fft.rfft(x.detach().numpy(), n=size[-1], workers=options["workers"])
    for axis in range(len(size) - 2, -1, -1):
        spectrum = scipy.fft.fft(spectrum, n=size[axis], axis=axis + 2, **options)
    factor = transfer.detach().resolve_conj().numpy()
    if all(a in (1, b) for a, b in zip(factor.shape[:2], spectrum.shape[:2], strict=True)):
        spectrum *= factor
    else:
        spectrum = spectrum * factor
    for axis in range(len(size) - 1):
        spectrum = scipy.fft.ifft(spectrum, axis=axis + 2, **options)
        keep = (slice(None),) * (axis + 2) + (slice(start[axis], start[axis] + shape[axis]),)
        spectrum = spectrum[keep]
    y = scipy.fft.irfft(spectrum, n=size[-1], **options)
    return torch.from_numpy(y[..., start[-1] : start[-1] + shape[-1]])
