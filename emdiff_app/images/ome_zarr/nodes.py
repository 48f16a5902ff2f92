"""The groups and arrays of a Zarr hierarchy, read as untrusted JSON before any pixel is.

Zarr's own reader believes what the metadata says. A file from somebody else may say anything, so here
sizes, dtypes, chunk shapes, codecs and paths are checked first.
"""

import json
import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from emdiff_app.errors import StackError

__all__ = ["ArrayInfo", "Folder", "Node", "array_info", "children", "inside", "open_folder_of", "read_node"]

Folder = Path | zipfile.Path
"""A place in a Zarr: a folder on the disk or one in a zip file."""

_LARGEST_METADATA = 32 * 2**20
_LARGEST_CHUNK = 2 * 2**30
_MOST_CHILDREN = 1000

_V2_CODECS = {
    *(
        "blosc",
        "zlib",
        "gzip",
        "bz2",
        "lzma",
        "zstd",
        "lz4",
        "shuffle",
        "delta",
        "crc32",
        "crc32c",
        "adler32",
    ),
    *("fletcher32", "fixedscaleoffset", "packbits", "bitround", "quantize", "astype"),
}
_V3_CODECS = {"bytes", "transpose", "gzip", "zstd", "blosc", "crc32c", "sharding_indexed"} | {
    f"numcodecs.{name}" for name in _V2_CODECS
}


@dataclass(frozen=True)
class Node:
    """A group or an array with its attributes; `meta` is the array's own JSON."""

    folder: Folder
    kind: str
    version: int
    attributes: dict[str, Any]
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.folder).rstrip("/")


@dataclass(frozen=True)
class ArrayInfo:
    """What an array's metadata says, once it has been found reasonable.

    `chunks` is the shape of what one file holds: a chunk, or a shard where there are shards.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...]
    compression: str | None
    separator: str
    prefix: str
    dimension_names: tuple[str | None, ...]


def open_folder_of(path: Path) -> Folder:
    """`path` as a place to look into: itself, or the root of a zip."""
    if path.is_dir():
        return path
    try:
        return zipfile.Path(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise StackError(
            f"{path} is not a Zarr folder and not a readable zip ({error}); it may be cut short, so copy it again."
        ) from None


def inside(folder: Folder, path: str) -> Folder:
    """The place that `path` names inside `folder`, and never one outside of it."""
    parts = PurePosixPath(path).parts
    target = folder.joinpath(*parts) if parts else folder
    outside = path.startswith("/") or "\\" in path or ".." in parts or ":" in path
    if isinstance(target, Path) and isinstance(folder, Path) and not outside:
        outside = not target.resolve().is_relative_to(folder.resolve())
    if outside:
        raise StackError(
            f"{folder}: it points outside of its own folder ({path!r}), so it was not opened; ask for a whole copy."
        )
    return target


def read_node(folder: Folder) -> Node | None:
    """The group or array at `folder`, or None where there is none."""
    meta = _json(folder / "zarr.json")
    if meta is not None:
        kind = meta.get("node_type")
        if kind not in ("array", "group") or meta.get("zarr_format") != 3:
            raise StackError(
                f"{folder}: its zarr.json is not that of a group or an array; it may be damaged, so copy it again."
            )
        return Node(folder, kind, 3, _mapping(meta.get("attributes")), meta if kind == "array" else {})
    attributes = _json(folder / ".zattrs") or {}
    meta = _json(folder / ".zarray")
    if meta is not None:
        return Node(folder, "array", 2, attributes, meta)
    return Node(folder, "group", 2, attributes) if (folder / ".zgroup").is_file() else None


def children(node: Node) -> Iterator[Node]:
    """The groups and arrays directly inside a group, by name."""
    entries = sorted((p for p in node.folder.iterdir() if p.is_dir()), key=lambda p: p.name)
    for entry in entries[:_MOST_CHILDREN]:
        child = read_node(inside(node.folder, entry.name))
        if child is not None:
            yield child


def array_info(node: Node) -> ArrayInfo:
    """The array's shape, dtype and chunks, refused where they make no sense or are a danger."""
    meta = node.meta
    shape = _sizes(node, meta.get("shape"), "shape", least=0)
    grid = _mapping(meta.get("chunk_grid")) if node.version == 3 else {}
    if node.version == 3 and grid.get("name") != "regular":
        raise StackError(
            f"{node.name}: its chunks are not on a regular grid, which I can't read; save it with chunks of one size."
        )
    chunks = _sizes(
        node, _mapping(grid.get("configuration")).get("chunk_shape") if grid else meta.get("chunks"), "chunks"
    )
    if len(chunks) != len(shape) or not 2 <= len(shape) <= 8:
        raise StackError(
            f"{node.name}: shape {shape} with chunks {chunks} is no image; it may be damaged, so copy it again."
        )
    dtype = _dtype(node, meta.get("data_type") if node.version == 3 else meta.get("dtype"))
    if math.prod(chunks) * dtype.itemsize > _LARGEST_CHUNK:
        size = math.prod(chunks) * dtype.itemsize / 1e9
        raise StackError(
            f"{node.name}: one chunk of {chunks} pixels would take {size:.3g} GB of memory, so it was not "
            "opened; save it with smaller chunks."
        )
    encoding = _mapping(meta.get("chunk_key_encoding"))
    options = _mapping(encoding.get("configuration"))
    if node.version == 3:
        plain = encoding.get("name") == "v2"
        separator, prefix = options.get("separator", "." if plain else "/"), "" if plain else "c"
    else:
        separator, prefix = meta.get("dimension_separator", "."), ""
    if separator not in (".", "/"):
        raise StackError(
            f"{node.name}: its chunk names are joined by {separator!r}, which is not allowed; copy it again."
        )
    names = meta.get("dimension_names") if node.version == 3 else node.attributes.get("_ARRAY_DIMENSIONS")
    if not isinstance(names, list) or len(names) != len(shape):
        names = [None] * len(shape)
    names = tuple(name if isinstance(name, str) else None for name in names)
    return ArrayInfo(shape, dtype, chunks, _compression(node), separator, prefix, names)


def _compression(node: Node) -> str | None:
    """The name of the compression, once every codec is known to be harmless."""
    meta = node.meta
    if node.version == 3:
        found, key, allowed = _codecs(meta.get("codecs")), "name", _V3_CODECS
    else:
        found, key, allowed = _listed(meta.get("filters")) + _listed(meta.get("compressor")), "id", _V2_CODECS
    names = [str(codec.get(key)) for codec in found]
    for name in names:
        if name not in allowed:
            raise StackError(
                f"{node.name}: its pixels are packed with {name!r}, which is not one of the known safe "
                "codecs, so it was not opened; save it with blosc, zstd or gzip."
            )
    names = [name.removeprefix("numcodecs.") for name in reversed(names)]
    return next(
        (name for name in names if name in ("blosc", "zlib", "gzip", "bz2", "lzma", "zstd", "lz4")), None
    )


def _codecs(value: Any) -> list[dict[str, Any]]:
    """The codecs of a v3 array, those inside of shards included."""
    found = []
    for codec in _listed(value):
        found.append(codec)
        inner = _mapping(codec.get("configuration"))
        found += [c for key in ("codecs", "index_codecs") for c in _codecs(inner.get(key))]
    return found


def _sizes(node: Node, value: Any, what: str, least: int = 1) -> tuple[int, ...]:
    numbers = value if isinstance(value, list) else [None]
    if not all(type(n) is int and least <= n < 2**40 for n in numbers):
        raise StackError(
            f"{node.name}: its {what} {value!r} makes no sense, so its metadata are damaged; copy it again."
        )
    return tuple(numbers)


def _dtype(node: Node, value: Any) -> np.dtype[Any]:
    try:
        dtype = np.dtype(value) if isinstance(value, str) else None
    except (TypeError, ValueError):
        dtype = None
    if dtype is None or dtype.kind not in "buif":
        raise StackError(
            f"{node.name}: it holds {value!r} and not real numbers, so it was not opened; save integers or floats."
        )
    return dtype


def _json(file: Folder) -> dict[str, Any] | None:
    if not file.is_file():
        return None
    try:
        with file.open("rb") as handle:
            content = handle.read(_LARGEST_METADATA + 1)
        if len(content) > _LARGEST_METADATA:
            raise StackError(f"{file} is too large for metadata, so it was not opened; copy it again.")
        value = json.loads(content)
    except (ValueError, OSError, RecursionError, zipfile.BadZipFile) as error:
        raise StackError(
            f"{file} cannot be read ({error}); it may be damaged or cut short, so copy it again."
        ) from None
    if not isinstance(value, dict):
        raise StackError(f"{file} holds something else than metadata; it may be damaged, so copy it again.")
    return value


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _listed(value: Any) -> list[dict[str, Any]]:
    """The entries of a list of codecs; one that is only a name is a codec without settings."""
    items = [item for item in (value if isinstance(value, list) else [value]) if item is not None]
    return [item if isinstance(item, dict) else {"name": item, "id": item} for item in items]
