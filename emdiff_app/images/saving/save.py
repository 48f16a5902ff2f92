"""Writing a stack: the name's ending chooses the format, and pixels stream through plane by plane."""

import importlib
import math
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app.errors import StackError

from ..atomic import ensure_free, replacing
from ..stack import Stack
from .casting import Casting

__all__ = ["COMPRESSIONS", "Saved", "Saving", "save_stack"]

COMPRESSIONS = ("none", "zlib", "zstd")

# Endings with the module and function that writes them; the longest that fits is taken.
_WRITERS = {
    ".ome.tif": ("to_tiff", "write_ome_tiff"),
    ".ome.tiff": ("to_tiff", "write_ome_tiff"),
    ".tif": ("to_tiff", "write_tiff"),
    ".tiff": ("to_tiff", "write_tiff"),
    ".zarr": ("to_zarr", "write_ome_zarr"),
    ".npy": ("to_npy", "write_npy"),
    ".png": ("to_png", "write_png"),
}


@dataclass(frozen=True)
class Saved:
    """What was written, how many pixels had to be clipped to fit the dtype, and what was left out."""

    path: Path
    clipped_pixels: int
    planes: int
    left_out: tuple[str, ...] = ()


@dataclass
class Saving:
    """One stack on its way into one file: what every writer is handed."""

    stack: Stack
    casting: Casting
    provenance: Mapping[str, Any] = field(default_factory=dict)
    compression: str = "none"
    zarr_version: str = "0.5"
    on_plane: Callable[[int, int], None] | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.casting.target

    @property
    def nbytes(self) -> int:
        """The size of the pixels as they will be written, before compression."""
        return math.prod(self.stack.shape) * self.dtype.itemsize

    @property
    def count(self) -> int:
        """How many planes there are."""
        return math.prod(self.stack.shape[: len(self.stack.outer_axes)])

    def planes(self, order: str | None = None) -> Iterator[tuple[tuple[int, ...], NDArray[Any]]]:
        """Every plane in its final dtype with its index, one at a time.

        `order` names the outer axes from slowest to fastest where a format wants another order than
        the stack's own.
        """
        outer = self.stack.outer_axes
        order = outer if order is None else "".join(a for a in order if a in outer)
        sizes = [self.stack.sizes[a] for a in order]
        total = self.count
        for done, place in enumerate(np.ndindex(*sizes), start=1):
            index = tuple(place[order.index(a)] for a in outer)
            plane = self.stack.plane(index)
            if plane.shape != self.stack.plane_shape:
                raise StackError(
                    f"{self.stack.name or 'The image'}: plane {index} is {plane.shape} pixels and not "
                    f"{self.stack.plane_shape}; nothing was written. The file may be damaged: copy it again."
                )
            yield index, self.casting(plane)
            if self.on_plane:
                self.on_plane(done, total)


def save_stack(
    stack: Stack,
    path: str | Path,
    *,
    dtype: str = "same",
    overwrite: bool = False,
    provenance: Mapping[str, Any] | None = None,
    compression: str = "none",
    zarr_version: str = "0.5",
    on_plane: Callable[[int, int], None] | None = None,
) -> Saved:
    """Write `stack` to `path` with its axes, pixel size, units, channel names and time step.

    `.ome.tif` is OME-TIFF. `.tif` is an ImageJ hyperstack where ImageJ has the dtype and the size
    (8 and 16 bit, float32, up to 4 GB), because Fiji then opens it as a hyperstack at once; anything
    else becomes OME-TIFF under the same name. `.zarr` is OME-Zarr, `.npy` the bare array, `.png` a
    single plane of 8 or 16 bits.

    `dtype` is `same` for the stack's own, or a numpy name; whole numbers are rounded and clipped and
    the clipped pixels counted. Compression is off unless asked for: `zlib` is read by everything,
    `zstd` is smaller and quicker but newer. The file takes its name only when it is whole; an
    existing one stays unless `overwrite`. `on_plane(done, total)` is called after every plane.
    """
    path = Path(path)
    write = _writer(path)
    ensure_free(path, overwrite=overwrite)
    if compression not in COMPRESSIONS:
        raise StackError(f"There is no compression {compression!r}; choose {', '.join(COMPRESSIONS)}.")
    if not all(stack.shape):
        raise StackError(
            f"{stack.name or 'The image'} has no pixels ({stack!r}), so nothing was written; choose another."
        )
    casting = Casting(stack.dtype, _dtype(dtype, stack), stack.name or "The image")
    saving = Saving(stack, casting, provenance or {}, compression, zarr_version, on_plane)
    _check_space(path, saving)
    _check_not_own_source(path, stack)
    with replacing(path, overwrite=overwrite) as temporary:
        write(saving, temporary)
    return Saved(path, casting.clipped, saving.count, _left_out(path, saving))


def _writer(path: Path) -> Callable[[Saving, Path], None]:
    for ending in sorted(_WRITERS, key=len, reverse=True):
        if path.name.lower().endswith(ending):
            module, function = _WRITERS[ending]
            writer: Callable[[Saving, Path], None] = getattr(
                importlib.import_module(f".{module}", __package__), function
            )
            return writer
    raise StackError(
        f"{path}: I can't write this kind of file; nothing was written. Choose a name that ends in "
        f"{', '.join(_WRITERS)}."
    )


def _dtype(wanted: str, stack: Stack) -> np.dtype[Any]:
    if wanted == "same":
        return stack.dtype.newbyteorder("=")
    try:
        return np.dtype(wanted)
    except TypeError:
        raise StackError(
            f"There is no pixel type {wanted!r}; choose same, float32, uint16 or uint8."
        ) from None


def _left_out(path: Path, saving: Saving) -> tuple[str, ...]:
    """What the format could not keep: only OME-Zarr knows a place, and some know nothing but pixels."""
    stack, ending = saving.stack, path.suffix.lower()
    known: dict[str, Any] = {}
    if ending in (".npy", ".png"):
        known = {
            "pixel size": stack.pixel_size,
            "channel names": stack.channels,
            "provenance": saving.provenance,
        }
    if ending != ".zarr":
        known["place of the first pixel"] = stack.extras.get("translation")
    return tuple(name for name, value in known.items() if value)


def _check_space(path: Path, saving: Saving) -> None:
    free = shutil.disk_usage(path.parent).free
    if saving.compression == "none" and saving.nbytes > free:
        raise StackError(
            f"{path} needs {saving.nbytes / 1e9:.3g} GB and the disk has {free / 1e9:.3g} GB left; nothing "
            "was written. Free some space, choose another folder, or compress (--compression zlib)."
        )


def _check_not_own_source(path: Path, stack: Stack) -> None:
    """A file that is being read cannot be replaced on every system, so a stack never replaces itself."""
    sources = [Path(p) for p in (stack.source, *stack.extras.get("files", ())) if p is not None]
    if path.exists() and any(path.resolve() == source.resolve() for source in sources):
        raise StackError(f"{path} is the file being read, so it was left as it is; choose another name.")
