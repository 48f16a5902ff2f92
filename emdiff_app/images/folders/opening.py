"""A folder, or a pattern such as `cells_*.tif`, of single planes as one stack."""

import glob
from collections import Counter
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from emdiff_app.errors import StackError

from ..axes import map_axes
from ..overrides import PixelSizes, override
from ..stack import AXES, Stack
from .names import PlaneName, natural_key, parse_name
from .planes import FolderReader, check_alike

__all__ = ["image_files", "open_folder"]

_ENDINGS = {".tif", ".tiff", ".stk", ".lsm", ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".npy"}
_SERIES_AXES = "ZTC"
"""What a plain series of planes may be, the likeliest first."""


def open_folder(
    path: str | Path,
    *,
    axes: str | None = None,
    pixel_size: PixelSizes | None = None,
    channel: int | str | None = None,
) -> Stack:
    """One stack of the planes in a folder, ordered by what their names say.

    Names such as `w2`, `z003`, `t0010` and folders such as `ZStep_4` become channels, depth and time
    when there is exactly one plane for every combination. A missing plane is an error, several images
    in one folder too; planes whose names say nothing are a plain series, in the order of their numbers.
    A single image, or one OME-TIFF spread over all the files, is opened as what it is.
    """
    from ..open import open_stack
    from ..tiff import ome_set

    files = image_files(path)
    name = Path(path).name
    whole = files[0] if len(files) == 1 else ome_set(files)
    if whole is not None:
        stack = open_stack(whole, axes=axes, pixel_size=pixel_size, channel=channel)
        extras = {"files": (whole, *files), **stack.extras}
        return stack.with_(name=name, source=Path(path), extras=extras)
    names = [parse_name(_parts(file, files)) for file in files]
    first = open_stack(files[0])
    outer, warnings = _outer_axes(names, axes, first, name)
    levels, table = _arranged(files, names, outer, str(path))
    check_alike(first, table, open_stack)
    inner = axes[len(outer) :] if axes is not None and len(axes) == len(outer) + first.ndim else first.axes
    mapped = map_axes(outer + inner.upper(), (*levels, *first.shape), outer + inner, name=name)
    stack = Stack(
        FolderReader(table, first, outer, mapped.letters, levels, open_stack),
        mapped.axes,
        mapped.stack_shape,
        first.dtype,
        name=name,
        pixel_size=first.pixel_size,
        channels=_channels(names, outer, first),
        significant_bits=first.significant_bits,
        compression=first.compression,
        format=f"folder of {first.format}",
        source=Path(path),
        warnings=(*warnings, *first.warnings),
        extras={"files": tuple(table)},
    )
    return override(stack, pixel_size, channel)


def image_files(path: str | Path) -> list[Path]:
    """The image files of a folder with its numbered subfolders (`ZStep_1`), or of a pattern."""
    folder = Path(path)
    if not folder.is_dir():
        found = [Path(p) for p in glob.glob(str(path), recursive=True)]  # noqa: PTH207 - may be absolute
        files = [p for p in found if p.is_file() and p.suffix.lower() in _ENDINGS]
        if not files:
            raise StackError(f"{path}: no image files fit this pattern; check it, and keep it in quotes.")
        return sorted(files, key=lambda p: natural_key(str(p)))
    files = _images_in(folder)
    inside = [p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")]
    steps = sorted((p for p in inside if _is_step(p)), key=lambda p: natural_key(p.name))
    deeper = [file for step in steps for file in _images_in(step)]
    if files and deeper:
        raise StackError(
            f"{folder} holds {len(files)} images and also folders of images ({_some([p.name for p in steps])}); "
            f"say which you mean, for example '{folder}/*{files[0].suffix}' or "
            f"'{folder}/{_common(steps)}*/*{deeper[0].suffix}'."
        )
    if files or deeper:
        return files or deeper
    names = sorted((p.name for p in inside), key=natural_key)
    has = f"only folders ({_some(names)}); open one of them" if names else "nothing that I can read; check it"
    raise StackError(f"{folder} holds no images, {has}.")


def _images_in(folder: Path) -> list[Path]:
    found = [p for p in folder.iterdir() if p.suffix.lower() in _ENDINGS and not p.name.startswith(".")]
    images = [p for p in found if p.is_file() and "_thumb" not in p.stem.lower()]
    return sorted(images, key=lambda p: natural_key(p.name))


def _is_step(folder: Path) -> bool:
    parsed = parse_name([folder.name])
    return len(parsed.places) == 1 and parsed.rest == "*"


def _parts(file: Path, files: Sequence[Path]) -> list[str]:
    """The names that may tell planes apart: of the file and of the folders in which they differ."""
    depth = min(len(f.parts) for f in files)
    common = 0
    while common < depth - 1 and len({f.parts[common] for f in files}) == 1:
        common += 1
    stem = file.name.removesuffix(file.suffix).removesuffix(".ome")
    return [*file.parts[common:-1], stem]


def _outer_axes(
    names: Sequence[PlaneName], axes: str | None, first: Stack, name: str
) -> tuple[str, list[str]]:
    """The axes along which the files stand, from their names or the user's word."""
    if axes is not None:
        outer = axes.upper()[: -first.ndim] if len(axes) > first.ndim else ""
        if set(outer) <= set("TCZ") and outer and len(set(outer)) == len(outer):
            return outer, []
        raise StackError(
            f"{name}: --axes {axes} does not fit planes of {first.axes}; put a letter of TCZ before those for "
            f"the files, for example --axes Z{first.axes}."
        )
    found = "".join(a for a in AXES if _tells(names, a))
    found = found if _regular(names, found) else ""
    taken = set(found) & set(first.axes)
    if taken:
        raise StackError(
            f"{name}: the names say the files differ in {found}, but {first.name} has an axis "
            f"{''.join(sorted(taken))} of its own, so nothing was opened; open that file by itself, or say which is "
            "which with --axes."
        )
    if found:
        return found, []
    free = [a for a in _SERIES_AXES if a not in first.axes]
    if not free:
        raise StackError(f"{name}: its files have all axes already ({first.axes}); open them one by one.")
    others = " or ".join(f"--axes {a}{first.axes}" for a in free[1:])
    otherwise = f", or choose {others}" if others else ""
    warning = (
        f"The names of the {len(names)} files do not say along which axis they stand; they are taken as "
        f"{free[0]}, in the order of their numbers. Confirm that with --axes {free[0]}{first.axes}{otherwise}."
    )
    return free[0], [warning]


def _tells(names: Sequence[PlaneName], axis: str) -> bool:
    """Whether the names put the files at different places along `axis`.

    Where the rest of every name is another one, the number beside the letter orders nothing: it is a
    part of the name, such as the height in `crop7_h128`.
    """
    if not all(axis in n.places for n in names) or len({n.rest for n in names}) == len(names):
        return False
    return len({n.places[axis] for n in names}) > 1


def _regular(names: Sequence[PlaneName], axes: str) -> bool:
    """Whether most images (by the rest of their names) have planes at the same places along `axes`.

    Wells of a plate do; pictures that happen to carry numbers after such letters do not.
    """
    groups: dict[str, list[tuple[int, ...]]] = {}
    for name in names:
        groups.setdefault(name.rest, []).append(tuple(name.places[a] for a in axes))
    counts = Counter(tuple(sorted(places)) for places in groups.values())
    return 2 * counts.most_common(1)[0][1] >= len(groups)


def _arranged(
    files: list[Path], names: Sequence[PlaneName], outer: str, path: str
) -> tuple[list[int], list[Path]]:
    """The length of each outer axis, and the files in its order."""
    if len(outer) == 1 and not (_tells(names, outer) and _regular(names, outer)):
        return [len(files)], files
    if any(a not in n.places for a in outer for n in names):
        raise StackError(
            f"{path}: the names do not say where each file stands along {outer}; rename them such as "
            f"{'_'.join(f'{a.lower()}001' for a in outer)}.tif, or say one letter for all with --axes."
        )
    groups: dict[str, list[int]] = {}
    for number, parsed in enumerate(names):
        groups.setdefault(parsed.rest, []).append(number)
    if len(groups) > 1:
        raise _several_images(files, groups, path)
    values = [sorted({n.places[a] for n in names}) for a in outer]
    found: dict[tuple[int, ...], Path] = {}
    for file, parsed in zip(files, names, strict=True):
        place = tuple(parsed.places[a] for a in outer)
        if place in found:
            raise StackError(
                f"{path}: {found[place].name} and {file.name} are the same plane ({_place(outer, place)}) by "
                "their names; choose with a pattern, such as 'folder/name_*.tif'."
            )
        found[place] = file
    wanted = list(product(*values))
    missing = [place for place in wanted if place not in found]
    if missing:
        raise StackError(
            f"{path}: {len(missing)} of {len(wanted)} planes are missing, the first at {_place(outer, missing[0])}; "
            "copy them again, or choose complete ones with a pattern. Nothing was filled in."
        )
    return [len(v) for v in values], [found[place] for place in wanted]


def _several_images(files: list[Path], groups: dict[str, list[int]], path: str) -> StackError:
    """Wells, sites or experiments side by side: say what they are and how to name one."""
    labels = [rest.replace("*", "").replace("/", " ").strip(" _-.") for rest in groups]
    members = [files[number] for number in next(iter(groups.values()))]
    example = members[0]
    kept = next(iter(groups)).rsplit("/", 1)[-1].split("*")[0]
    folder = example.parent.parent / "*" if len({f.parent for f in members}) > 1 else example.parent
    return StackError(
        f"{path} holds {len(groups)} images and not one ({_some(labels)}); choose one with a pattern in quotes, "
        f"for example '{folder}/{kept}*{example.suffix}'."
    )


def _channels(names: Sequence[PlaneName], outer: str, first: Stack) -> tuple[str, ...]:
    if "C" not in outer:
        return first.channels
    words = {n.places["C"]: n.words["C"] for n in names if "C" in n.places}
    return tuple(words[number] for number in sorted(words))


def _place(outer: str, place: Sequence[int]) -> str:
    return " ".join(f"{a}={i}" for a, i in zip(outer, place, strict=True))


def _common(folders: Sequence[Path]) -> str:
    names = [p.name for p in folders]
    shared = names[0]
    while not all(n.startswith(shared) for n in names):
        shared = shared[:-1]
    return shared


def _some(names: Sequence[Any]) -> str:
    return ", ".join(map(str, names[:6])) + (", ..." if len(names) > 6 else "")
