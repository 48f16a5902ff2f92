"""What the events of a run add up to, for whoever tells it in a terminal."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from . import events as e

__all__ = ["Story", "duration"]

PHASES = {
    "start": "looking at the images",
    "denoise": "learning to denoise",
    "e-step": "restoring crops",
    "m-step": "learning",
    "score": "judging",
}


@dataclass
class Story:
    """Fed with events in their order; everything else only reads it."""

    started: e.Started | None = None
    progress: e.Progress | None = None
    scores: dict[int, e.Scored] = field(default_factory=dict)
    losses: deque[float] = field(default_factory=lambda: deque(maxlen=400))
    previews: dict[int, str] = field(default_factory=dict)
    notices: deque[str] = field(default_factory=lambda: deque(maxlen=3))
    outcome: e.Finished | e.Stopped | e.Failed | None = None
    paused: bool = False
    saved: e.Saved | None = None

    def take(self, event: Any) -> None:
        """One more event."""
        match event:
            case e.Started():
                self.started, self.outcome, self.paused = event, None, False
            case e.Progress():
                self.progress = event
                if event.loss is not None:
                    self.losses.append(event.loss)
            case e.Scored():
                self.scores[event.round] = event
            case e.Preview():
                self.previews[event.round] = event.file
            case e.Notice():
                self.notices.append(event.text)
            case e.Saved():
                self.saved = event
            case e.Paused() | e.Resumed():
                self.paused = isinstance(event, e.Paused)
            case e.Finished() | e.Stopped() | e.Failed():
                self.outcome = event

    @property
    def best(self) -> e.Scored | None:
        best = [score for score in self.scores.values() if score.best]
        return max(best, key=lambda score: score.round) if best else None

    @property
    def where(self) -> str:
        """`round 3/12, learning 840/2000`."""
        if self.progress is None:
            return "getting ready"
        p, rounds = self.progress, self.started.rounds if self.started else 0
        number = f"round {p.round}/{rounds}" if p.round else "making a start"
        return f"{number}, {PHASES.get(p.phase, p.phase)} {p.step}/{p.steps}"

    @property
    def left(self) -> str:
        """`40-50 min`, or nothing while it is not known."""
        return duration(*self.progress.remaining_s) if self.progress and self.progress.remaining_s else ""

    @property
    def memory(self) -> str:
        used = self.progress.memory_bytes if self.progress else None
        return f"{used / 1e9:.1f} GB" if used else ""


def duration(low: float, high: float) -> str:
    """A range of seconds as a person would say it."""
    if high < 90:
        return f"{max(int(low), 1)}-{max(int(high), 2)} s"
    if high < 5400:
        least = max(round(low / 60), 1)
        return f"{least}-{max(round(high / 60), least + 1)} min"
    return f"{low / 3600:.1f}-{high / 3600:.1f} h"
