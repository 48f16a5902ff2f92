"""Photos (PNG, JPEG and their like), and the TIFFs that Pillow reads better than anyone else."""

import struct
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app.errors import StackError

from .axes import map_axes
from .overrides import PixelSizes, override
from .stack import Stack

__all__ = ["is_photo", "open_photo"]

_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "PPM")
_MOST_BYTES = 1 << 31
_HIGHEST_RATIO = 3000
_MODES = {
    "1": "L", "L": "L", "LA": "LA", "La": "LA", "P": "RGB", "PA": "RGBA", "RGB": "RGB", "RGBA": "RGBA", "RGBa": "RGBA",
    "RGBX": "RGB", "CMYK": "RGB", "YCbCr": "RGB", "LAB": "RGB", "HSV": "RGB", "I;16": "I;16", "I;16B": "I;16",
    "I;16L": "I;16", "I": "I", "F": "F",
}  # fmt: skip
_DTYPES = {"I;16": np.uint16, "I": np.int32, "F": np.float32}
# EXIF orientation: what brings the recorded pixels upright.
_UPRIGHT: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, 3),
    7: lambda pixels: np.rot90(pixels, 2).swapaxes(0, 1),
    8: np.rot90,
}
_SAMPLES = {"LA": 2, "RGB": 3, "RGBA": 4}


def is_photo(start: bytes) -> bool:
    """Whether a file that begins like this is a photo."""
    return start.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"GIF8", b"P5", b"P6")) or (
        start[:4] == b"RIFF" and start[8:12] == b"WEBP"
    )


@dataclass
class _PhotoReader:
    """The one plane of a photo, decoded when first asked for and kept: photos are small."""

    path: Path
    mode: str
    formats: tuple[str, ...]
    deep: bool
    orientation: int
    pixels: NDArray[Any] | None = None
    lock: Lock = field(default_factory=Lock)

    def read(self, index: tuple[int, ...]) -> NDArray[Any]:
        with self.lock:
            if self.pixels is None:
                self.pixels = _decode(self.path, self.mode, self.formats, self.deep, self.orientation)
        return self.pixels[..., index[0]] if index else self.pixels.copy()

    def read_region(self, index: tuple[int, ...], rows: slice, columns: slice) -> NDArray[Any]:
        return self.read(index)[rows, columns]

    def close(self) -> None:
        self.pixels = None


def open_photo(
    path: Path,
    *,
    axes: str | None = None,
    pixel_size: PixelSizes | None = None,
    channel: int | str | None = None,
    formats: tuple[str, ...] = _FORMATS,
    said: tuple[str, ...] = (),
) -> Stack:
    """A photo as a stack of one plane; its colours are the axis S."""
    notes = list(said)
    mode, deep, orientation, (width, height), kind = _described(path, formats, notes)
    samples = _SAMPLES.get(mode, 1)
    dtype = np.dtype(np.uint16 if deep else _DTYPES.get(mode, np.uint8))
    _check_size(path, height * width * samples * dtype.itemsize)
    letters = "YX" if samples == 1 else "YXC" if samples == 2 else "YXS"
    mapped = map_axes(letters, (height, width, samples)[: len(letters)], axes, name=path.name)
    if mapped.letters[:2] != "YX":
        raise StackError(
            f"{path.name}: the first axes of a photo are Y and X; --axes {axes} says otherwise; leave it out."
        )
    stack = Stack(
        _PhotoReader(path, mode, formats, deep, orientation),
        mapped.axes,
        mapped.stack_shape,
        dtype,
        name=path.name,
        channels=("gray", "alpha") if letters == "YXC" else (),
        compression=None,
        format=kind,
        source=path,
        warnings=tuple(notes),
    )
    return override(stack, pixel_size, channel)


def _described(
    path: Path, formats: tuple[str, ...], notes: list[str]
) -> tuple[str, bool, int, tuple[int, int], str]:
    """From the header: the mode to decode to, whether in 16 bits, how to turn it, its size then, and its format."""
    try:
        with _open(path, formats) as image:
            deep = image.format == "PNG" and _png_depth(path) == 16
            if image.mode not in _MODES:
                raise StackError(
                    f"{path.name}: pixels of kind {image.mode} cannot be read; save it as PNG or TIFF."
                )
            mode = _told(image, _MODES[image.mode], deep, notes)
            size, kind = image.size, image.format or "photo"
            orientation = 1 if kind == "TIFF" else int(image.getexif().get(0x0112, 1))
    except (StackError, FileNotFoundError):
        raise
    except Exception as error:
        raise _damaged(path, error) from error
    if orientation in _UPRIGHT:
        notes.append("The photo was turned upright as its camera recorded (EXIF orientation).")
    return mode, deep, orientation, size[::-1] if orientation in range(5, 9) else size, kind


def _told(image: Any, mode: str, deep: bool, notes: list[str]) -> str:
    """The mode to convert to, and what to say about the conversion."""
    if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
        notes.append(
            f"The file holds {image.n_frames} frames; only the first was opened. Save the frames as a TIFF stack."
        )
    if image.mode in ("P", "PA"):
        if "transparency" in image.info:
            mode = "RGBA"
        palette = np.asarray(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
        if mode == "RGB" and (palette == palette[:, :1]).all():
            return "L"
        notes.append("The file stores colours as a table; they were expanded to RGB.")
    if image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        notes.append(f"The colours ({image.mode}) were converted to RGB.")
    if mode in ("RGBA", "LA"):
        notes.append("The last colour sample is transparency (alpha), not light.")
    if deep and mode in ("I", "I;16"):
        return "I;16"
    return mode


def _open(path: Path, formats: tuple[str, ...]) -> Any:
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Image.open(path, formats=formats)
    except UnidentifiedImageError as error:
        raise StackError(
            f"{path.name}: it is damaged or of a kind that cannot be read; copy it again."
        ) from error
    except FileNotFoundError:
        raise
    except Exception as error:
        raise _damaged(path, error) from error


def _decode(path: Path, mode: str, formats: tuple[str, ...], deep: bool, orientation: int) -> NDArray[Any]:
    try:
        if deep:
            pixels = _decode_deep(path)
        else:
            with warnings.catch_warnings(), _open(path, formats) as image:
                warnings.simplefilter("ignore")
                pixels = np.array(image if image.mode == mode else image.convert(mode))
    except (StackError, FileNotFoundError):
        raise
    except Exception as error:
        raise _damaged(path, error) from error
    return np.ascontiguousarray(_UPRIGHT.get(orientation, np.asarray)(pixels))


def _decode_deep(path: Path) -> NDArray[Any]:
    """A 16-bit PNG; Pillow would halve the depth of a coloured one."""
    import imagecodecs

    data = path.read_bytes()
    _check_png(data)
    return np.asarray(imagecodecs.png_decode(data))


def _check_png(data: bytes) -> None:
    """Every part of a PNG carries a checksum, which the decoder does not insist on; ValueError where one is wrong."""
    at, kind = 8, b""
    while kind != b"IEND":
        if at + 12 > len(data):
            raise ValueError("it ends early")
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 8 + length
        if end + 4 > len(data) or zlib.crc32(data[at + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            raise ValueError("a checksum is wrong")
        at = end + 4


def _png_depth(path: Path) -> int:
    with path.open("rb") as file:
        start = file.read(26)
    return struct.unpack_from(">B", start, 24)[0] if len(start) > 24 else 8


def _check_size(path: Path, nbytes: int) -> None:
    stored = path.stat().st_size
    if nbytes > _MOST_BYTES or (nbytes > 64 << 20 and nbytes > _HIGHEST_RATIO * stored):
        raise StackError(
            f"{path.name}: it claims {nbytes / 2**30:.1f} GiB of pixels in {stored} bytes, so it is damaged or no "
            "photo; nothing was changed. Copy it again."
        )


def _damaged(path: Path, error: Exception) -> StackError:
    reason = " ".join(str(error).split())[:100] or type(error).__name__
    return StackError(
        f"{path.name}: it is damaged or cut short ({reason}); nothing was changed. Copy it again."
    )
