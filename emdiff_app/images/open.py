"""Open an image, whatever it is, as a stack."""

from pathlib import Path
from typing import Any

from emdiff_app.errors import StackError

from .overrides import PixelSizes
from .photos import is_photo, open_photo
from .stack import Stack

__all__ = ["open_stack"]

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ZARR = (".zattrs", "zarr.json", ".zgroup", ".zarray")


def open_stack(
    path: str | Path,
    *,
    axes: str | None = None,
    pixel_size: PixelSizes | None = None,
    channel: int | str | None = None,
    series: int | None = None,
) -> Stack:
    """Open `path` lazily: a file, a folder of planes, a pattern such as `cells_*.tif`, or a Zarr.

    `axes` says what the axes are (`"ZYX"`), `pixel_size` how far apart pixels are (um for Y and X, or one
    for each axis), `channel` which channel to keep, `series` which image of a file that holds several.
    Raises StackError, with a sentence for the user, where the file cannot be opened.
    """
    where = Path(path)
    overrides: dict[str, Any] = {"axes": axes, "pixel_size": pixel_size, "channel": channel}
    try:
        pattern = not where.exists() and bool(set(str(where)) & set("*?[]"))
        if series is not None and (pattern or where.is_dir()):
            raise _no_series(where)
        if where.is_dir():
            if where.suffix == ".zarr" or any((where / name).exists() for name in _ZARR):
                from .ome_zarr import open_zarr

                return open_zarr(where, **overrides)
            from .folders import open_folder

            return open_folder(where, **overrides)
        if pattern:
            from .folders import open_folder

            return open_folder(path, **overrides)
        return _open_file(where, series, overrides)
    except FileNotFoundError as error:
        raise StackError(f"{where}: there is no such file; check the name.") from error
    except OSError as error:
        raise StackError(
            f"{where}: it cannot be read ({error.strerror or error}); nothing was changed. Check its permissions."
        ) from error
    except MemoryError as error:
        raise StackError(
            f"{where.name}: opening it takes more memory than there is; nothing was changed. Close other programs."
        ) from error


def _open_file(path: Path, series: int | None, overrides: dict[str, Any]) -> Stack:
    from .tiff import COMPANION, open_companion, open_tiff

    with path.open("rb") as file:
        start = file.read(16)
    if start[:4] in _TIFF:
        return open_tiff(path, series=series, **overrides)
    if path.name.casefold().endswith(COMPANION):
        return open_companion(path, series=series, **overrides)
    if series is not None:
        raise _no_series(path)
    if start[:6] == b"\x93NUMPY" or path.suffix.lower() == ".npz":
        from .npy import open_npy

        return open_npy(path, **overrides)
    if start[:4] == b"PK\x03\x04":
        from .ome_zarr import open_zarr

        return open_zarr(path, **overrides)
    if is_photo(start):
        return open_photo(path, **overrides)
    raise StackError(
        f"{path.name}: it is neither a TIFF, a Zarr, a .npy nor a photo, so it cannot be opened; "
        "save it as TIFF or OME-TIFF and open that."
    )


def _no_series(path: Path) -> StackError:
    return StackError(
        f"{path.name}: --series is for TIFF files that hold several images, so nothing was opened; leave it out."
    )
