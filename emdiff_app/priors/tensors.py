"""Reading safetensors of strangers: `[8 bytes: N][N bytes: JSON][the numbers]`, sizes checked before they are used."""

import json
import math
from collections.abc import Mapping
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Layout", "read_layout", "read_tensors", "strict_json"]

LARGEST_HEADER = 1 << 18
MOST_PARTS = 30_000
"""So many lists and objects are in no JSON of ours; a million of them would take a second and 100 MB."""
DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "U8": np.dtype("u1")}


class Layout(NamedTuple):
    """Where a tensor lies in the numbers that follow the header."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


def read_layout(stream: IO[bytes], size: int) -> tuple[bytes, dict[str, Layout]]:
    """The header of a member of `size` bytes, as it is and as it reads; `ValueError` says what is wrong with it."""
    mark = stream.read(8)
    length = int.from_bytes(mark, "little")
    if len(mark) < 8 or length > min(LARGEST_HEADER, size - 8):
        raise ValueError("their header has an impossible size")
    header = stream.read(length)
    found = strict_json(header)
    found.pop("__metadata__", None)
    layouts = {name: _layout(entry) for name, entry in found.items()}
    here = 0
    for layout in sorted(layouts.values(), key=lambda one: (one.start, one.stop)):
        wanted = math.prod(layout.shape) * DTYPES[layout.dtype].itemsize
        if layout.start != here or layout.stop != here + wanted:
            raise ValueError("they overlap or leave gaps")
        here = layout.stop
    if here != size - 8 - length:
        raise ValueError("they are shorter or longer than they say")
    return mark + header, layouts


def read_tensors(data: bytes | bytearray, layouts: Mapping[str, Layout]) -> dict[str, NDArray[Any]]:
    """The tensors, as views of the numbers that follow the header."""
    return {
        name: np.frombuffer(
            data, DTYPES[one.dtype], math.prod(one.shape), one.start if one.stop > one.start else 0
        ).reshape(one.shape)
        for name, one in layouts.items()
    }


def strict_json(data: bytes) -> dict[str, Any]:
    """A JSON object without repeated names, NaN or infinity; else `ValueError`."""
    if data.count(b"[") + data.count(b"{") > MOST_PARTS:
        raise ValueError("it has too many parts")
    try:
        found = json.loads(data.decode("utf-8"), parse_constant=_refuse, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("it is not an object")
    return found


def _layout(entry: Any) -> Layout:
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [start, stop], **rest}:
            numbers = [*shape, start, stop]
            plain = all(type(n) is int and 0 <= n < 1 << 40 for n in numbers) and len(shape) <= 8
            if not rest and dtype in DTYPES and plain:
                return Layout(dtype, tuple(shape), start, stop)
    raise ValueError("their header cannot be understood")


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is not a number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found
