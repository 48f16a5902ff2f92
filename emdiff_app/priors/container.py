"""The zip around a prior, from strangers: nothing is extracted, and nothing is believed before it is checked.

Only the few members that a prior has are accepted, under exactly their names. Tensors are stored without
compression, so that reading them never takes more memory than the file is long. The directory at the end of
the file is measured before anything parses it.
"""

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from emdiff_app.errors import PriorError
from emdiff_app.images.atomic import replacing

__all__ = ["CARD", "IMAGES", "PAGE", "PREVIEW", "WEIGHTS", "Container", "opened", "write_container"]

CARD, WEIGHTS, IMAGES = "prior.json", "model.safetensors", "images.safetensors"
PREVIEW, PAGE = "preview.png", "README.md"
LIMITS = {CARD: 1 << 20, WEIGHTS: 2 << 30, IMAGES: 64 << 20, PREVIEW: 16 << 20, PAGE: 1 << 20}
"""No member is larger than this many bytes."""
STORED_ONLY = {WEIGHTS, IMAGES}

END = struct.Struct("<4s4H2LH")
LARGEST_DIRECTORY = 1 << 14
MOST_MEMBERS = 64
"""More than a prior has, so that what is too much can be named."""
BROKEN = (
    OSError,
    ValueError,
    LookupError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
)
"""What the standard library raises for zips that are not sound."""


class Container:
    """The members of an open file; made by `opened`."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path = path
        self._archive = archive
        self._members = {info.filename: info for info in archive.infolist()}

    def __contains__(self, name: str) -> bool:
        return name in self._members

    @property
    def names(self) -> list[str]:
        return list(self._members)

    def size(self, name: str) -> int:
        if name not in self._members:
            raise PriorError(f"{self.path} is not a prior file ({name} is missing); export it again.")
        return self._members[name].file_size

    def read(self, name: str) -> bytes:
        """One member, whole."""
        size = self.size(name)
        with self.stream(name) as stream:
            return stream.read(size + 1)

    @contextmanager
    def stream(self, name: str) -> Iterator[IO[bytes]]:
        """One member, to be read piece by piece."""
        self.size(name)
        try:
            with self._archive.open(self._members[name]) as stream:
                yield stream
        except BROKEN:
            raise PriorError(f"{self.path} is damaged ({name} cannot be read); copy it again.") from None

    def check(self) -> None:
        """Every member is one that we know, once, in plain sight."""
        infos = self._archive.infolist()
        for info in infos:
            self.check_member(info.filename)
        if len(infos) != len(self._members):
            raise PriorError(f"{self.path} holds a member twice; the file is not trusted.")
        starts = sorted((info.header_offset, info.compress_size + len(info.filename) + 30) for info in infos)
        ends = [*(start for start, _ in starts[1:]), self._archive.start_dir]
        if any(start + size > end for (start, size), end in zip(starts, ends, strict=True)):
            raise PriorError(f"{self.path} holds members that overlap; the file is not trusted.")

    def check_member(self, name: str) -> None:
        """One member has a known name, a bearable size, and is plainly stored."""
        self.size(name)
        info = self._members[name]
        if name not in LIMITS or info.orig_filename != name:
            raise PriorError(
                f"{self.path} holds {name[:60]!r}, which no prior does; nothing was read from it. "
                "Ask for the prior again."
            )
        kind = stat.S_IFMT(info.external_attr >> 16)
        if info.flag_bits & 1 or kind not in (0, stat.S_IFREG):
            raise PriorError(f"{self.path}: {name} is encrypted or a link; the file is not trusted.")
        if info.file_size > LIMITS[name]:
            raise PriorError(f"{self.path}: {name} is too large for a prior; the file is not trusted.")
        packed = info.compress_type == zipfile.ZIP_DEFLATED and name not in STORED_ONLY
        if not packed and (info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size):
            raise PriorError(
                f"{self.path}: {name} is compressed in a way that priors are not; export it again with EMDiff."
            )


@contextmanager
def opened(path: Path) -> Iterator[Container]:
    """The file at `path`, which may be anything at all; call `check` before trusting more than the card."""
    with _regular(path) as file:
        try:
            _check_directory(file)
            archive = zipfile.ZipFile(file)
        except BROKEN:
            raise PriorError(
                f"{path} is not a prior file, or only a part of one; copy or export it again."
            ) from None
        with archive:
            yield Container(path, archive)


def write_container(path: Path, members: Mapping[str, bytes], *, overwrite: bool) -> None:
    """Write all members, or nothing."""
    for name, data in members.items():
        if len(data) > LIMITS[name]:
            raise PriorError(
                f"{path} was not written: its {name} would have {len(data) / 1e6:.0f} MB, and at most "
                f"{LIMITS[name] / 1e6:.0f} MB fit into a prior."
            )
    with (
        replacing(Path(path), overwrite=overwrite, error=PriorError) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive,
    ):
        for name, data in members.items():
            archive.writestr(name, data)


@contextmanager
def _regular(path: Path) -> Iterator[BinaryIO]:
    """The file open for reading; a pipe or a device would never end and is refused without waiting for it."""

    def without_waiting(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))

    try:
        file = open(path, "rb", opener=without_waiting)  # noqa: SIM115 - Path.open takes no opener
    except FileNotFoundError:
        raise PriorError(f"{path} does not exist; check the name of the prior.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PriorError(f"{path} cannot be read ({reason}); check the name of the prior.") from None
    with file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise PriorError(f"{path} is a device or a pipe and no prior file; check the name.")
        yield file


def _check_directory(file: BinaryIO) -> None:
    """The directory is small, at the very end, and of the plain kind.

    Whatever stands before or behind it, or asks for 64 bits, is nothing that EMDiff wrote.
    """
    size = file.seek(0, os.SEEK_END)
    tail = min(size, END.size + 20)
    file.seek(size - tail)
    last = file.read(tail)
    mark, disk, other, here, count, length, offset, comment = END.unpack(last[-END.size :])
    plain = mark == b"PK\5\6" and disk == other == comment == 0 and here == count <= MOST_MEMBERS
    if not plain or length > LARGEST_DIRECTORY or offset + length + END.size != size or last[:4] == b"PK\6\7":
        raise ValueError("not the directory of a prior")
    file.seek(0)
