"""A run goes to another folder: copied, compared, and only then removed where it was."""

import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from emdiff_app.errors import RunError
from emdiff_app.images.atomic import replacing, write_bytes
from emdiff_app.learning import RunFolder
from emdiff_app.learning.runs.lock import Lock

__all__ = ["move_run", "new_place"]

CHUNK = 1 << 20
LEAVE_S = 10.0
"""A worker that has said its last word may take so long to let go of the run."""
LOCK, CONTROL = "lock", "control"
NAMING = "recipe.json"
"""It names images by their whole path, and some images lie in the run itself."""

Contents = dict[Path, int | None]
"""Everything in a run by its path within, folders before what they hold: the size of a file, None for a folder."""


class _CalledOffError(Exception):
    pass


def new_place(run: RunFolder, folder: Path) -> Path:
    """Where the run would be in `folder`; refused in words where it cannot be."""
    old, folder = run.path, folder.absolute()
    stays = "so nothing was moved and the run stays where it is; choose another folder."
    if folder.resolve().is_relative_to(old.resolve()):
        raise RunError(f"{folder} lies in the run itself, {stays}")
    target = folder / old.name
    if os.path.lexists(target):
        raise RunError(f"{folder} already holds a folder named {old.name}, {stays}")
    try:
        with tempfile.TemporaryDirectory(prefix=".emdiff-", dir=folder):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        raise RunError(f"{folder} cannot be written ({error.strerror}), {stays}") from None
    sizes = [size for size in _contents(old).values() if size is not None]
    needed = sum(sizes) + max(sizes, default=0)  # the next save is written before an old one goes
    if free < needed:
        raise RunError(
            f"The disk of {folder} has {free / 1e6:.0f} MB left and the run needs {needed / 1e6:.0f} MB, {stays}"
        )
    return target


def move_run(run: RunFolder, folder: Path, carry_on: Callable[[], bool]) -> RunFolder | None:
    """Move a run that is not at work; None, with the run where it was, if `carry_on` says no before all is copied."""
    try:
        with _nobody_at_work(run):
            target = new_place(run, folder)
            with replacing(target, error=RunError) as unfinished:
                _copy(run.path, unfinished, carry_on)
                _rename_within(unfinished / NAMING, run.path, target)
    except _CalledOffError:
        return None
    _remove(run.path)
    return RunFolder.open(target)


@contextlib.contextmanager
def _nobody_at_work(run: RunFolder) -> Iterator[None]:
    until = time.monotonic() + LEAVE_S
    with contextlib.ExitStack() as held:
        while True:
            try:
                held.enter_context(Lock(run.path / LOCK))
                break
            except RunError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
        yield


def _contents(run: Path) -> Contents:
    """Without the lock and the requests, which belong to whoever works on it."""

    def refuse(error: OSError) -> None:
        raise RunError(
            f"{error.filename} cannot be read ({error.strerror}), so nothing was moved and the run stays where it is; "
            "check that folder and try again."
        )

    found: Contents = {}
    for place, folders, files in os.walk(run, onerror=refuse, followlinks=True):
        within = Path(place).relative_to(run)
        found |= {within / name: None for name in folders}
        if within == Path(CONTROL):
            continue
        try:
            found |= {
                within / name: (run / within / name).stat().st_size
                for name in files
                if within / name != Path(LOCK)
            }
        except OSError as error:
            refuse(error)
    return found


def _copy(run: Path, target: Path, carry_on: Callable[[], bool]) -> None:
    before = _contents(run)
    target.mkdir()
    for within, size in before.items():
        if size is None:
            (target / within).mkdir()
        else:
            _copy_file(run / within, target / within, carry_on)
    if not before == _contents(run) == _contents(target):
        raise RunError(
            f"The copy of {run.name} in {target.parent} is not whole, so it was removed and the run stays where it is; "
            "choose another folder."
        )


def _copy_file(old: Path, new: Path, carry_on: Callable[[], bool]) -> None:
    with old.open("rb") as source, new.open("xb") as target:
        while chunk := source.read(CHUNK):
            if not carry_on():
                raise _CalledOffError
            target.write(chunk)


def _rename_within(file: Path, old: Path, new: Path) -> None:
    """What a file says lies in the old run lies in the new one."""
    root = old.resolve()

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {renamed(key): renamed(item) for key, item in value.items()}
        if isinstance(value, list):
            return [renamed(item) for item in value]
        if isinstance(value, str) and len(Path(value).parts) > 1:
            place = Path(value).resolve()
            return str(new / place.relative_to(root)) if place.is_relative_to(root) else value
        return value

    if not file.is_file():
        return
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:  # whoever reads it will say so
        return
    if (now := renamed(said)) != said:
        write_bytes(file, json.dumps(now, indent=2).encode(), error=RunError)


def _remove(run: Path) -> None:
    """The recipe first: whatever may be left without it is no run that could be taken up again."""
    with contextlib.suppress(OSError):
        (run / "recipe.json").unlink()
    shutil.rmtree(run, ignore_errors=True)
