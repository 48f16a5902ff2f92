"""How far `emdiff restore` is, and what became of the images."""

import os
import sys
import time

import typer

from emdiff_app.errors import EMDiffError
from emdiff_app.restoring import Outcome, RestoreProgress

from ._output import emit, say

__all__ = ["Summary", "Teller"]

NO_FILES = ("stack", "chi2", "method", "clipped_pixels", "spread_label", "verdict", "headline", "reasons")


class Teller:
    """Says how far an image is: every second on a terminal, every ten in a log file."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._said = time.monotonic()
        self._pause = 1.0 if sys.stderr.isatty() else 10.0

    def __call__(self, progress: RestoreProgress) -> None:
        if time.monotonic() - self._said < self._pause:
            return
        self._said = time.monotonic()
        plane = min(progress.plane + 1, progress.planes)
        tile = f", tile {progress.tile}/{progress.tiles}" if progress.tiles > 1 else ""
        say(
            f"{self.name}: {100 * progress.fraction:.0f} %, plane {plane}/{progress.planes}, "
            f"step {progress.step}/{progress.steps}{tile}{_left(progress.remaining_s)}"
        )


class Summary:
    """The outcomes of all images; one table and one exit code in the end."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.outcomes: list[Outcome] = []

    def add(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        if outcome.state == "failed" and self.count > 1:
            say(f"{outcome.source.path.name}: {outcome.sentence}")

    def end(self, as_json: bool) -> int:
        """Print what became of them; 0 where all are restored, 2 where one could not be, 1 by a mistake of ours."""
        failed = [o for o in self.outcomes if o.state == "failed"]
        if failed and self.count == 1 and not failed[0].ours:
            raise EMDiffError(failed[0].sentence)
        if as_json:
            emit(
                {
                    "restored": [o.result for o in self.outcomes if o.state == "restored"],
                    "there_already": [o.result for o in self.outcomes if o.state == "there already"],
                    "failed": [{"stack": str(o.source.path), "error": o.sentence} for o in failed],
                }
            )
        else:
            self._table()
        return (1 if any(o.ours for o in failed) else 2) if failed else 0

    def _table(self) -> None:
        if self.count == 1:
            for outcome in self.outcomes:
                typer.echo(_files(outcome) if outcome.result else outcome.sentence)
            return
        width = max(len(o.source.path.name) for o in self.outcomes)
        judged = any("verdict" in (o.result or {}) for o in self.outcomes)
        verdict = f"{'verdict':<16}  " if judged else ""
        typer.echo(f"{'image':<{width}}  {'state':<13}  {'chi2':>5}  {verdict}results")
        for outcome in self.outcomes:
            known = outcome.result or {}
            chi2 = "" if known.get("chi2") is None else f"{known['chi2']:.2f}"
            verdict = f"{known.get('verdict') or '':<16}  " if judged else ""
            rest = _files(outcome) if outcome.result else outcome.sentence
            typer.echo(
                f"{outcome.source.path.name:<{width}}  {outcome.state:<13}  {chi2:>5}  {verdict}{rest}"
            )


def _files(outcome: Outcome) -> str:
    paths = [v for k, v in outcome.result.items() if k not in NO_FILES]
    return ", ".join(os.fspath(path) for path in paths)


def _left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f", {seconds:.0f} s left" if seconds < 90 else f", {seconds / 60:.0f} min left"
