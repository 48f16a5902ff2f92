"""Where the image is in a Zarr: at the top, in the only place it can be, or one of several to choose from."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emdiff_app.errors import StackError

from .nodes import Folder, Node, children, inside, open_folder_of, read_node

__all__ = ["Found", "find_image"]

_DEEPEST = 4


@dataclass
class Found:
    """The array of full resolution with the OME metadata that describe it, if there are any."""

    array: Node
    attributes: dict[str, Any] = field(default_factory=dict)
    multiscale: dict[str, Any] = field(default_factory=dict)
    dataset: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def find_image(path: Path) -> Found:
    """The one image at `path`, or an error that names what is there."""
    if not path.exists():
        raise StackError(f"{path}: there is no such file; check the name.")
    folder = open_folder_of(path)
    node = read_node(folder) or _only_child(folder)
    if node is None:
        raise StackError(
            f"{path} holds no Zarr array or group; check the name, or copy the whole folder again."
        )
    if node.kind == "array":
        return _level_of_parent(node) or Found(node)
    found = _enter(node, path, _DEEPEST)
    if found.array.folder != folder and not found.multiscale:
        found.warnings.append(f"It holds one array, {_relative(found.array, folder)}, which was opened.")
    return found


def _enter(node: Node, path: Path, depth: int) -> Found:
    attributes = _ome(node)
    if "multiscales" in attributes:
        return _multiscale(node, attributes)
    plate, well = attributes.get("plate"), attributes.get("well")
    if isinstance(plate, dict):
        wells = _paths(plate.get("wells"))
        raise StackError(
            f"{path} is a plate of {len(wells)} wells ({_some(wells)}); open one image of it, for example "
            f"{path}/{wells[0] if wells else 'A/1'}/0."
        )
    if isinstance(well, dict):
        return _only(node, path, _paths(well.get("images")), "is a well with", "fields", depth)
    if isinstance(attributes.get("labels"), list):
        names = [str(name) for name in attributes["labels"]]
        return _only(node, path, names, "is a group of", "label images", depth)
    return _only(node, path, [_relative(c, node.folder) for c in children(node)], "holds", "images", depth)


def _only(node: Node, path: Path, names: list[str], has: str, what: str, depth: int) -> Found:
    """Enter the single thing inside, or say what there is to choose from."""
    # Beside the numbered images, Bio-Formats keeps a group OME with their description and no pixels.
    names = [name for name in names if name not in ("OME", "labels")]
    if len(names) > 1:
        raise StackError(
            f"{path} {has} {len(names)} {what} ({_some(names)}); open one, for example {path}/{names[0]}."
        )
    child = read_node(inside(node.folder, names[0])) if names else None
    if child is None or not depth:
        raise StackError(f"{path} holds no image; if it should, copy the whole folder again.")
    return Found(child) if child.kind == "array" else _enter(child, path, depth - 1)


def _multiscale(node: Node, attributes: dict[str, Any], level: str | None = None) -> Found:
    listed = attributes["multiscales"]
    first = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], dict) else {}
    datasets = [d for d in _entries(first.get("datasets")) if isinstance(d.get("path"), str)]
    if level is not None:
        datasets = [d for d in datasets if d["path"].strip("/") == level]
    if not datasets:
        raise StackError(f"{node.name}: its multiscale metadata name no image; copy the whole folder again.")
    array = read_node(inside(node.folder, datasets[0]["path"]))
    if array is None or array.kind != "array":
        raise StackError(
            f"{node.name}: its image {datasets[0]['path']!r} is missing; copy the whole folder again."
        )
    found = Found(array, attributes, first, datasets[0])
    if len(listed) > 1:
        found.warnings.append(f"It holds {len(listed)} images in one group; the first was opened.")
    return found


def _level_of_parent(node: Node) -> Found | None:
    """An array that is named itself, such as `image.zarr/1`, is a level of the image around it."""
    if not isinstance(node.folder, Path):
        return None
    folder = node.folder.resolve()
    parent = read_node(folder.parent)
    attributes = _ome(parent) if parent else {}
    if parent is None or "multiscales" not in attributes:
        return None
    try:
        return _multiscale(parent, attributes, folder.name)
    except StackError:
        return None


def _only_child(folder: Folder) -> Node | None:
    """A zip often wraps the Zarr in one folder."""
    if isinstance(folder, Path):
        return None
    entries = [entry for entry in folder.iterdir() if entry.is_dir()]
    return read_node(entries[0]) if len(entries) == 1 else None


def _ome(node: Node) -> dict[str, Any]:
    """The OME metadata: under `ome` since 0.5, at the top before."""
    inner = node.attributes.get("ome")
    return {**node.attributes, **inner} if isinstance(inner, dict) else node.attributes


def _entries(listed: Any) -> list[dict[str, Any]]:
    return [e for e in listed if isinstance(e, dict)] if isinstance(listed, list) else []


def _paths(listed: Any) -> list[str]:
    return [e["path"] for e in _entries(listed) if isinstance(e.get("path"), str)]


def _relative(node: Node, folder: Folder) -> str:
    return node.name.removeprefix(str(folder).rstrip("/")).strip("/")


def _some(names: list[str]) -> str:
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
