"""Many files, one after the other: what can be restored is, and what cannot is said in the end."""

from __future__ import annotations

import glob
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from emdiff_app.errors import EMDiffError, StackError

from .job import Cancelled
from .words import OTHER_METHODS, SUFFIXES

__all__ = ["Outcome", "Source", "find_sources", "make_folder", "restore_each"]

ENDINGS = (".tif", ".tiff", ".stk", ".lsm", ".npy", ".npz", ".png", ".jpg", ".jpeg", ".zip", ".zarr")


@dataclass(frozen=True)
class Source:
    """One input and the stem of its results' names."""

    path: Path
    stem: str


@dataclass(frozen=True)
class Outcome:
    """What became of one input."""

    source: Source
    state: Literal["restored", "there already", "failed"]
    sentence: str = ""
    result: Any = None
    ours: bool = False
    """Whether it failed by a mistake of the program."""


def make_folder(out: Path) -> None:
    """For the results."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EMDiffError(
            f"The folder {out} cannot be made ({error.strerror or error}); nothing was restored. Choose another."
        ) from error


def find_sources(patterns: Sequence[str | Path]) -> list[Source]:
    """The inputs: files, Zarrs, patterns such as `cells_*.tif`, and folders, of which every image is taken.

    Stems that several inputs share get the name of the folder in front.
    """
    each: dict[Path, None] = {}
    for pattern in patterns:
        found = list(_found(Path(pattern)))
        if not found:
            raise StackError(f"{pattern}: there is no such image; nothing was restored. Check the name.")
        each |= dict.fromkeys(found)
    paths = _without_results(list(each))
    shared = Counter(_stem(path) for path in paths)
    named = [
        (path, _stem(path) if shared[_stem(path)] == 1 else f"{path.absolute().parent.name}-{_stem(path)}")
        for path in paths
    ]
    twice = [stem for stem, count in Counter(stem for _, stem in named).items() if count > 1]
    if twice:
        raise StackError(
            f"Several images are called {twice[0]}, so their results would be; nothing was restored. Restore them into "
            "different folders."
        )
    return [Source(path, stem) for path, stem in named]


def restore_each(sources: Sequence[Source], restore: Callable[[Source], Outcome]) -> Iterator[Outcome]:
    """Restore one after the other; one that cannot be restored does not stop the rest, a wish to stop does."""
    for source in sources:
        try:
            yield restore(source)
        except Cancelled:
            raise
        except EMDiffError as error:
            yield Outcome(source, "failed", str(error))
        except Exception as error:
            yield Outcome(source, "failed", _mistake(error), ours=True)


def _mistake(error: Exception) -> str:
    from emdiff_app.diffusion.memory import is_out_of_memory

    if is_out_of_memory(error):
        return "Memory ran out; finished planes are kept. Set a limit (--memory 2, in GB) and restore again."
    return (
        f"EMDiff failed in a way it should not have ({type(error).__name__}: {error}); the image is untouched and "
        "finished planes are kept. Please report this."
    )


def _found(path: Path) -> Iterator[Path]:
    if not path.exists() and set(str(path)) & set("*?["):
        yield from sorted(Path(found) for found in glob.glob(str(path)))  # noqa: PTH207 - it may be absolute
    elif path.is_dir() and not _is_zarr(path):
        yield from sorted(p for p in path.iterdir() if p.suffix.lower() in ENDINGS and p.name[0] != ".")
    elif path.exists():
        yield path


def _without_results(paths: list[Path]) -> list[Path]:
    """Results that lie among their inputs are none: `a-restored` beside `a`."""
    stems = {_stem(path) for path in paths}
    endings = tuple(f"-{suffix}" for suffix in {*SUFFIXES.values(), *OTHER_METHODS})

    def is_result(stem: str) -> bool:
        stem = re.sub(r"(-sample)-[0-9]+$", r"\1", stem)
        return any(stem.endswith(e) and stem.removesuffix(e) in stems for e in endings)

    return [path for path in paths if not is_result(_stem(path))]


def _is_zarr(path: Path) -> bool:
    return path.suffix == ".zarr" or any((path / n).exists() for n in (".zattrs", "zarr.json", ".zgroup"))


def _stem(path: Path) -> str:
    return path.stem.removesuffix(".ome")
