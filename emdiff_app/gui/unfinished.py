"""The run that was left unfinished when a window closed, or died, the last time."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emdiff_app.errors import EMDiffError, RunError
from emdiff_app.learning import RunFolder, events
from emdiff_app.learning.runs.lock import Lock

__all__ = ["LATER", "Unfinished", "find_unfinished", "is_free", "mark_later", "unmark"]

LATER = "later"
NEWEST = 10


@dataclass(frozen=True)
class Unfinished:
    path: Path
    at_work: bool
    words: str


def mark_later(run: Path) -> None:
    """Remember that a run was paused by closing the window, not because it was good enough."""
    (run / "control").mkdir(exist_ok=True)
    (run / "control" / LATER).touch()


def unmark(run: Path) -> None:
    """It goes on, or was stopped for good after all."""
    (run / "control" / LATER).unlink(missing_ok=True)


def is_free(run: Path) -> bool:
    """Whether no worker holds the run: one that was killed holds nothing, though its heart beat a moment ago."""
    try:
        with Lock(run / "lock"):
            return True
    except RunError:
        return False


def find_unfinished(runs: Path) -> Unfinished | None:
    """The newest run that neither came to its end nor was stopped for good."""
    folders = [path.parent for path in runs.glob("*/recipe.json")]
    newest = sorted(folders, key=_heard, reverse=True)[:NEWEST]
    return next((found for path in newest if (found := _looked_at(path))), None)


def _looked_at(path: Path) -> Unfinished | None:
    try:
        run = RunFolder.open(path)
        held = run.is_worked_on  # a worker that is paused says nothing for hours
        seen = run.follower().read()
    except (EMDiffError, OSError):
        return None
    started = [event for event in seen if isinstance(event, events.Started)]
    if not started or _over(seen[-1], path):
        return None
    rounds = max((getattr(event, "round", 0) for event in seen), default=0)
    where = f"after round {rounds} of {started[-1].rounds}" if rounds else "before its first round was done"
    if held:
        return Unfinished(path, True, f"Learning of {path.name} is still at work in the background.")
    return Unfinished(
        path, False, f"Learning of {path.name} was interrupted {where}; what was saved is kept."
    )


def _over(last: Any, path: Path) -> bool:
    if isinstance(last, events.Stopped):
        return not (path / "control" / LATER).exists()
    return isinstance(last, events.Finished)


def _heard(path: Path) -> float:
    try:
        return (path / "events.jsonl").stat().st_mtime
    except OSError:
        return 0.0
