"""The chain of directories in a TIFF file, walked without trusting it.

Each page of a TIFF has a directory (IFD) that points to the next. A damaged or hostile file may point
beyond its end or back to where it has been. The walk also keeps a signature of each directory, so that
pages which differ in size or coding are told apart even in files that claim to be uniform.
"""

import mmap
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app.errors import StackError

__all__ = ["Chain", "walk"]

# Width, height, bits, compression, photometric, fill order, orientation-independent layout, predictor, tiles,
# sample format: pages that agree in these can be decoded alike.
_SHAPING = np.array([256, 257, 258, 259, 262, 266, 277, 278, 284, 317, 322, 323, 339], np.uint16)
_TYPE_SIZES = np.array([0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8], np.int64)
_MOST_TAGS = 4096


@dataclass
class Chain:
    """The offsets of the directories in order, what each looks like, and what is wrong with the chain."""

    signatures: dict[int, bytes] = field(default_factory=dict)
    problem: str = ""

    def __len__(self) -> int:
        return len(self.signatures)


def walk(path: Path) -> Chain:
    """Follow the chain from the header to its end; StackError where it has none."""
    chain = Chain()
    if path.stat().st_size < 8:
        chain.problem = "it ends within its header"
        return chain
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        order = ">" if data[:2] == b"MM" else "<"
        big = struct.unpack_from(order + "H", data, 2)[0] == 43
        if big and len(data) < 16:
            chain.problem = "it ends within its header"
            return chain
        try:
            _follow(data, order, big, chain)
        except _Circle:
            # Not merely noted: other readers may follow the circle for ever.
            raise StackError(
                f"{path.name}: it is damaged, its directories run in a circle; nothing was changed. Copy it again."
            ) from None
    return chain


class _Circle(Exception):  # noqa: N818 - not an error by itself
    pass


def _follow(data: mmap.mmap, order: str, big: bool, chain: Chain) -> None:
    count_size, pointer = (8, order + "Q") if big else (2, order + "I")
    count_format = order + ("Q" if big else "H")
    inline = 8 if big else 4
    entry = np.dtype(
        [("code", order + "u2"), ("type", order + "u2"), ("count", pointer), ("value", f"V{inline}")]
    )
    sign = _Signer(entry, inline)
    offset = struct.unpack_from(pointer, data, 8 if big else 4)[0]
    while offset:
        if offset in chain.signatures:
            raise _Circle
        page = len(chain) + 1
        start = offset + count_size
        if start > len(data):
            chain.problem = f"the directory of page {page} lies beyond the end of the file"
            return
        tags = struct.unpack_from(count_format, data, offset)[0]
        end = start + tags * entry.itemsize
        if tags > _MOST_TAGS or end > len(data):
            chain.problem = f"the directory of page {page} is cut off or damaged"
            return
        chain.signatures[offset] = sign(data[start:end])
        if end + inline > len(data):
            # A last directory without its closing zero is common and harmless.
            return
        offset = struct.unpack_from(pointer, data, end)[0]


class _Signer:
    """The tags that shape the pixels, with their values where they stand in the directory itself.

    Directories of a stack list the same tags one after the other, so which of them matter is found once.
    """

    def __init__(self, entry: np.dtype[Any], inline: int) -> None:
        self.entry = entry
        self.inline = inline
        self.known: dict[bytes, tuple[bytes, NDArray[Any]]] = {}

    def __call__(self, directory: bytes) -> bytes:
        rows = np.frombuffer(directory, np.uint8).reshape(-1, self.entry.itemsize)
        heads = rows[:, : -self.inline].tobytes()
        if heads not in self.known:
            entries = np.frombuffer(directory, self.entry)
            sizes = _TYPE_SIZES[np.minimum(entries["type"], len(_TYPE_SIZES) - 1)] * entries["count"].astype(
                np.int64
            )
            kept = np.flatnonzero(np.isin(entries["code"], _SHAPING) & (sizes <= self.inline))
            self.known[heads] = entries["code"][kept].tobytes(), kept
        codes, kept = self.known[heads]
        return codes + rows[kept, -self.inline :].tobytes()
