"""Images that a model file names: PSFs and masks. They may come from other people."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emdiff_app.errors import PhysicsError, StackError
from emdiff_app.images import PixelSize

__all__ = ["LARGEST_FILE", "Enclosed", "Place", "checksum", "find", "read_image"]

LARGEST_FILE = 512 * 2**20
"""No PSF or mask is larger than this many bytes, in its file or in memory."""


class Enclosed:
    """Images that came along with a model, by the path that it calls them; told apart by their pixels."""

    def __init__(self, images: Mapping[str, NDArray[Any]]) -> None:
        self._images = dict(images)

    def read(self, path: str, where: str) -> NDArray[Any]:
        if path not in self._images:
            raise PhysicsError(
                f"{where}.path: no image {path!r} came along with this model; ask for it again."
            )
        return self._images[path]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Enclosed)
            and self._images.keys() == other._images.keys()
            and all(np.array_equal(image, other._images[name]) for name, image in self._images.items())
        )

    def __hash__(self) -> int:
        return hash(tuple((name, image.shape) for name, image in self._images.items()))


class Place(NamedTuple):
    """Where the relative paths of a model start, and whether they may lead out of there.

    A model from somebody else is `confined`: it must not read the user's other files. One with `enclosed`
    images reads no files at all.
    """

    folder: Path | None = None
    confined: bool = False
    enclosed: Enclosed | None = None


def find(path: str, place: Place, where: str) -> Path:
    """The file that a model names."""
    base = (place.folder or Path()).resolve()
    full = (base / path).resolve()
    if place.confined and not full.is_relative_to(base):
        raise PhysicsError(
            f"{where}.path: {path!r} leads out of the folder of the model, which a model from elsewhere must not; "
            "nothing was read. Put the file beside the model."
        )
    if not full.is_file():
        raise PhysicsError(
            f"{where}.path: there is no file {full}; check the path, which starts at the model's folder."
        )
    if full.stat().st_size > LARGEST_FILE:
        raise PhysicsError(f"{where}.path: {full.name} is larger than {LARGEST_FILE >> 20} MB; crop it.")
    return full


def read_image(path: str, place: Place, where: str) -> tuple[NDArray[Any], Mapping[str, PixelSize]]:
    """The pixels of an image file without axes of length one, and its pixel size where it states one."""
    if place.enclosed is not None:
        return place.enclosed.read(path, where), {}
    from emdiff_app.images import open_stack

    full = find(path, place, where)
    try:
        with open_stack(full) as stack:
            if stack.nbytes > LARGEST_FILE:
                raise PhysicsError(
                    f"{where}.path: {full.name} is larger than {LARGEST_FILE >> 20} MB; crop it."
                )
            return np.squeeze(stack.numpy()), stack.pixel_size
    except StackError as error:
        raise PhysicsError(f"{where}.path: {error}") from error


def checksum(path: str, place: Place, where: str = "model") -> str:
    """What tells the content of an image that a model names from any other."""
    if place.enclosed is not None:
        image = np.ascontiguousarray(place.enclosed.read(path, where))
        return hashlib.sha256(f"{image.dtype.str} {image.shape}".encode() + image.tobytes()).hexdigest()
    full = find(path, place, where)
    try:
        return hashlib.sha256(full.read_bytes()).hexdigest()
    except OSError as error:
        raise PhysicsError(
            f"{where}.path: {full} cannot be read ({error.strerror or error}); nothing was changed. Check its "
            "permissions."
        ) from error
