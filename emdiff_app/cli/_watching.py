"""How `emdiff watch` shows a run: a live view in a terminal, preview pictures, and a few words at the end."""

import time
from pathlib import Path
from types import TracebackType
from typing import Any

from emdiff_app.errors import EMDiffError
from emdiff_app.images.atomic import write_bytes
from emdiff_app.learning import RunFolder, Story
from emdiff_app.learning import events as e

from ._output import say

__all__ = ["LiveView", "PreviewWriter", "in_words"]

BARS = "▁▂▃▄▅▆▇█"
LAST_ROUNDS = 8


class LiveView:
    """Redraws the story in place; does nothing where there is no terminal."""

    def __init__(self, run: RunFolder, story: Story, *, enabled: bool) -> None:
        self.run, self.story = run, story
        self._live: Any = None
        if enabled:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), auto_refresh=False)

    def __enter__(self) -> "LiveView":
        if self._live is not None:
            self._live.start()
        return self

    def refresh(self) -> None:
        if self._live is not None:
            self._live.update(rendered(self.run, self.story), refresh=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()


def rendered(run: RunFolder, story: Story) -> Any:
    """The whole view, for rich."""
    from rich import box
    from rich.console import Group
    from rich.panel import Panel
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    parts: list[Any] = [Text(_headline(run, story), style="bold")]
    facts = Table.grid(padding=(0, 2))
    if story.progress and story.outcome is None:
        bar = ProgressBar(story.progress.steps, story.progress.step, width=60)
        facts.add_row(Text("this part", style="dim"), bar)
    for name, value in _facts(run, story):
        facts.add_row(Text(name, style="dim"), Text(value))
    parts.append(facts)
    if story.scores:
        scores = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for column in ("round", "held-out score", "chi2", ""):
            scores.add_column(column, justify="left" if not column else "right")
        for score in list(story.scores.values())[-LAST_ROUNDS:]:
            best = story.best is score
            scores.add_row(
                str(score.round), f"{score.held_out:.4f}", f"{score.chi2:.2f}", "kept" if best else ""
            )
        parts.append(scores)
    parts.extend(Text(notice, style="yellow") for notice in story.notices)
    return Panel(Group(*parts), title=Text(str(run.path)), title_align="left", width=100)


def in_words(run: RunFolder, story: Story) -> str:
    """How the run stands, in two or three sentences."""
    words = [_headline(run, story)]
    if story.outcome is None:
        words += [f"{name}: {value}" for name, value in _facts(run, story) if name != "loss"]
    if story.best:
        words.append(f"kept: round {story.best.round}, held-out score {story.best.held_out:.4f}")
    return "\n".join(words)


def _headline(run: RunFolder, story: Story) -> str:
    match story.outcome:
        case e.Failed(text=text):
            ended = text
        case e.Finished():
            ended = "The run has finished."
        case e.Stopped(round=number, words=words):
            ended = f"The run was stopped in round {number}; {words}"
        case None:
            return _present(run, story)
    return f"A worker is about to go on with it. Before that: {ended}" if run.is_worked_on else ended


def _present(run: RunFolder, story: Story) -> str:
    where = story.where
    if not run.is_worked_on:
        begun = f"Nobody is working on it; it came to {where}." if story.started else "It has not begun yet."
        return f"{begun} Go on with: {run.resume_line}"
    return f"Paused: {where}" if story.paused else f"{where[:1].upper()}{where[1:]}"


def _facts(run: RunFolder, story: Story) -> list[tuple[str, str]]:
    at_work = story.outcome is None and run.is_worked_on
    facts = [("time left", story.left or "not known yet")] if at_work else []
    if story.started:
        together = f", {story.started.processes} processes" if story.started.processes > 1 else ""
        name = f" ({story.started.device_name})" if story.started.device_name else ""
        facts.append(("device", f"{story.started.device}{name}{together}"))
    if story.memory and at_work:
        facts.append(("memory", story.memory))
    if story.losses:
        facts.append(("loss", f"{story.losses[-1]:.4f}  {_sparkline(list(story.losses))}"))
    if story.saved:
        facts.append(("saved", time.strftime("%H:%M:%S", time.localtime(story.saved.time))))
    return facts


def _sparkline(values: list[float], width: int = 50) -> str:
    """The curve in one line."""
    per = max(1, len(values) // width)
    means = [sum(values[i : i + per]) / len(values[i : i + per]) for i in range(0, len(values), per)]
    finite = [v for v in means if v == v and abs(v) != float("inf")]
    if not finite:
        return ""
    low, span = min(finite), max(finite) - min(finite) or 1.0
    return "".join(BARS[int((v - low) / span * (len(BARS) - 1))] if v in finite else "!" for v in means)


class PreviewWriter:
    """Each preview once, as a PNG of its own."""

    def __init__(self, run: RunFolder, folder: Path) -> None:
        self.run, self.folder = run, folder
        self._written: dict[int, int] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EMDiffError(
                f"{folder} cannot be made ({error.strerror}); choose another --previews."
            ) from None

    def write(self, previews: dict[int, str]) -> None:
        """Those that are new or were made again."""
        from emdiff_app.learning.judging.pictures import preview_picture, read_preview
        from emdiff_app.priors.file import png

        for number, name in previews.items():
            file = (self.run.path / name).resolve()
            if not file.is_relative_to(self.run.previews.resolve()) or not file.is_file():
                continue  # the events may come from someone else: look at nothing outside the run
            stamp = file.stat().st_mtime_ns
            if self._written.get(number) == stamp or (crops := read_preview(file)) is None:
                continue
            self._written[number] = stamp
            target = self.folder / f"round-{number:04d}.png"
            write_bytes(target, png(preview_picture(crops)), error=EMDiffError)
            say(f"round {number}: {target}")
