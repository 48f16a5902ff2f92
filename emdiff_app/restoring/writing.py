"""One stack from file to file: planes stream through, and what is finished is kept whatever happens."""

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emdiff_app.errors import EMDiffError, StackError
from emdiff_app.images import Stack, open_stack, save_stack
from emdiff_app.images.atomic import ensure_free
from emdiff_app.physics.checking import Agreement

from .checking import verdict_on
from .job import Cancelled, RestoreProgress, Watch
from .kept import DamagedPlane, KeptPlanes, KeptReader
from .sentences import sentences_of
from .task import Task
from .words import NEED_SPREAD, SUFFIXES

if TYPE_CHECKING:
    from .trust import Examined

__all__ = ["Target", "Written", "write_restoration"]


@dataclass(frozen=True)
class Written:
    """The files that were written, by their words, and what there is to say; `examined` holds the verdict."""

    files: dict[str, Path]
    agreement: Agreement
    sentences: tuple[str, ...]
    examined: "Examined | None" = None
    clipped: dict[str, int] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Target:
    """Where the results of one stack go: `cells-restored.ome.tif`."""

    folder: Path
    stem: str
    ending: str = ".ome.tif"

    def files(self, task: Task) -> dict[str, Path]:
        """The file of each result, by its word."""
        return {
            name: self.folder / f"{self.stem}-{SUFFIXES.get(name, name)}{self.ending}"
            for name in task.engine.names
        }

    def unfinished(self, task: Task) -> Path:
        """The folder for finished planes; other settings have another, so that none is taken for the other."""
        return self.folder / f"{self.stem}-{_key(task)[:8]}.unfinished"

    def holds(self, task: Task, dtype: str = "float32") -> bool:
        """Whether all files are there and came of the very same restoration of the very same file."""
        key = _key(task, _dtype(dtype, task.stack))
        return all(path.exists() and _made_by(path) == key for path in self.files(task).values())

    def verdict(self, task: Task) -> str | None:
        """The verdict that was written into the files that are there."""
        path = next(iter(self.files(task).values()))
        verdict = _provenance(path).get("verdict")
        return verdict if isinstance(verdict, str) else None


def _made_by(path: Path) -> Any:
    return _provenance(path).get("restoration")


def _provenance(path: Path) -> Mapping[str, Any]:
    """What a result says of itself; nothing where it cannot be read."""
    try:
        with open_stack(path) as stack:
            found = stack.extras.get("provenance", {})
    except EMDiffError:
        return {}
    return found if isinstance(found, Mapping) else {}


def write_restoration(
    task: Task,
    target: Target,
    *,
    dtype: str = "float32",
    compression: str = "none",
    overwrite: bool = False,
    examined: "Examined | None" = None,
    on_progress: Callable[[RestoreProgress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
    on_resumed: Callable[[int], None] = lambda planes: None,
) -> Written:
    """Restore a stack into the files of `target`. Planes that an earlier, unfinished run has made are taken over.

    Samples and estimates are written in `dtype` (`same` as the input, or float32); spreads and shares are float32. The
    verdict of a check (`examine_task`) goes into the files, with what the whole stack adds to it.
    """
    files = target.files(task)
    resuming = target.unfinished(task).exists()
    key = _key(task, _dtype(dtype, task.stack))
    for path in files.values():
        # An earlier run may have been stopped between its results: what it wrote may be written again.
        ensure_free(path, overwrite=overwrite or (resuming and _made_by(path) == key))
    kept = KeptPlanes(target.unfinished(task), _identity(task))
    if len(kept):
        on_resumed(len(kept))
    try:
        _check_space(task, kept, target.folder)
        watch = Watch(_count(task), on_progress, should_stop)
        _restore(task, kept, watch)
        try:
            written = _write(task, kept, files, dtype, compression, overwrite, examined)
        except DamagedPlane:
            _restore(task, kept, watch)
            written = _write(task, kept, files, dtype, compression, overwrite, examined)
    except Cancelled:
        raise
    except EMDiffError as error:
        raise type(error)(f"{error} {_what_is_kept(kept)}".strip()) from error
    except OSError as error:
        why = error.strerror or error
        raise StackError(
            f"{task.stack.name} could not be restored to its end ({why}). {_what_is_kept(kept)}".strip()
        ) from error
    finally:
        if not len(kept):
            kept.remove()
    kept.remove()
    return written


def _restore(task: Task, kept: KeptPlanes, watch: Watch) -> None:
    for unit in task.engine.units():
        if all(index in kept for index in unit.planes):
            continue
        made = task.engine.restore(unit, watch)
        kept.keep(unit.planes, made.planes, made.fits, made.unstable, made.missing)
    watch.end()


def _write(
    task: Task,
    kept: KeptPlanes,
    files: dict[str, Path],
    dtype: str,
    compression: str,
    overwrite: bool,
    examined: "Examined | None",
) -> Written:
    agreement = Agreement.of_all(kept.fits)
    examined = None if examined is None else verdict_on(examined, agreement)
    found = {**task.facts, **_found(kept, agreement, examined)}
    key = _key(task, _dtype(dtype, task.stack))
    clipped: dict[str, int] = {}
    left_out: set[str] = set()
    for name, path in files.items():
        word = SUFFIXES.get(name, name)
        saved = save_stack(
            task.result_stack(KeptReader(kept, name), word),
            path,
            dtype="float32" if name in NEED_SPREAD else _dtype(dtype, task.stack),
            overwrite=overwrite or _made_by(path) == key,
            compression=compression,
            provenance={**found, "result": name, "restoration": key},
        )
        clipped[name] = saved.clipped_pixels
        left_out |= set(saved.left_out)
    sentences = sentences_of(task, kept.fits, kept.unstable, kept.missing)
    lost = sum(clipped.values())
    if lost:
        sentences = (
            *sentences,
            f"{lost} pixels did not fit into {_dtype(dtype, task.stack)} and were clipped; --dtype float32 keeps them.",
        )
    return Written(files, agreement, sentences, examined, clipped, tuple(sorted(left_out)))


def _found(kept: KeptPlanes, agreement: Agreement, examined: "Examined | None") -> dict[str, Any]:
    """What the results show, beside what decided them."""
    found: dict[str, Any] = {"chi2": round(agreement.chi2, 4)}
    if kept.missing:
        found["missing_pixels"] = kept.missing
    if examined is not None:
        verdict = examined.assessment.verdict
        found["verdict"] = verdict.grade.value
        found["reasons"] = [f"{reason.sentence} {reason.action}" for reason in verdict.reasons]
    return found


def _identity(task: Task) -> dict[str, Any]:
    """What makes an unfinished restoration the same as this one: settings, file, and what that is taken for."""
    source = None if task.stack.source is None else Path(task.stack.source).absolute()
    stamp: list[int] = []
    if source is not None and source.exists():
        state = source.stat()
        stamp = [state.st_size, state.st_mtime_ns] if source.is_file() else [state.st_mtime_ns]
    shape = [*task.stack.shape, str(task.stack.dtype), task.stack.axes]
    sizes = {axis: [size.value, size.unit] for axis, size in task.stack.pixel_size.items()}
    channels = [task.stack.extras.get("channel"), *task.stack.channels]
    return {
        "facts": task.facts,
        "source": str(source),
        "stamp": stamp,
        "shape": shape,
        "pixel_size": sizes,
        "channels": channels,
    }


def _key(task: Task, dtype: str = "") -> str:
    """With `dtype`, that of the files; without, that of finished planes, which no choice of a type makes useless."""
    text = json.dumps({**_identity(task), "dtype": dtype}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _what_is_kept(kept: KeptPlanes) -> str:
    if not len(kept):
        return ""
    planes = "1 plane that is finished is" if len(kept) == 1 else f"{len(kept)} planes that are finished are"
    return f"The {planes} kept in {kept.folder.name}: the same command goes on from there."


def _count(task: Task) -> int:
    return math.prod(task.engine.shape[: len(task.stack.outer_axes)])


def _check_space(task: Task, kept: KeptPlanes, folder: Path) -> None:
    """Planes wait on the disk until all are there, so that both take as much as the results twice."""
    plane = 4 * math.prod(task.engine.shape[len(task.stack.outer_axes) :]) * len(task.engine.names)
    needed = plane * (2 * _count(task) - len(kept))
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StackError(
            f"Restoring {task.stack.name} needs {needed / 1e9:.3g} GB in {folder} and the disk has {free / 1e9:.3g} GB "
            "left; nothing was restored. Free some space, choose another folder, or write fewer results (--write mean)."
        )


def _dtype(word: str, stack: Stack) -> str:
    return str(stack.dtype.newbyteorder("=")) if word == "same" else "float32"
