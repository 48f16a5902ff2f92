"""What the events of a run add up to: the picture that the window draws."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app.learning import events

from .curve import Curve
from .states import NEXT, JobState

__all__ = ["History", "LearningStatus", "Score"]


@dataclass(frozen=True)
class Score:
    round: int
    held_out: float
    chi2: float
    best: bool = False
    residuals: tuple[float, ...] = ()  # a histogram from -5 to 5


def _nothing() -> NDArray[Any]:
    return np.empty(0)


@dataclass(frozen=True, eq=False)
class LearningStatus:
    """One moment of a run; never changed, so that threads can hand it over."""

    state: JobState = JobState.IDLE
    attempt: int = 0  # counts starts and resumes, so that each can fail by itself
    run: Path | None = None
    device: str = ""
    rounds: int = 0
    round: int = 0
    phase: str = ""
    step: int = 0
    steps: int = 0
    remaining_s: tuple[float, float] | None = None
    saved_at: float | None = None
    loss_x: NDArray[Any] = field(default_factory=_nothing)
    loss_y: NDArray[Any] = field(default_factory=_nothing)
    round_marks: tuple[float, ...] = ()
    scores: tuple[Score, ...] = ()
    previews: tuple[tuple[int, Path], ...] = ()
    notice: str = ""
    prior: Path | None = None
    failure: str = ""
    details: str = ""


class History:
    """Follows a run: `take` events as they come, `status` at any time."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.attempt = 0
        self.state = JobState.PREPARING
        self.failure = self.details = self.notice = self.device = ""
        self.prior: Path | None = None
        self.last: events.Progress | None = None
        self.rounds = self.round = 0
        self.saved_at: float | None = None
        self._curve = Curve()
        self._steps_before = 0
        self._at = (0, 0)
        self._marks: list[float] = []
        self._scores: dict[int, Score] = {}
        self._previews: dict[int, Path] = {}

    def move(self, state: JobState) -> None:
        """Change the state where the table allows it."""
        if state in NEXT[self.state]:
            self.state = state

    def fail(self, text: str, details: str = "") -> None:
        if not self.state.ended:
            self.failure, self.details = text, details
            self.move(JobState.FAILED)

    def take(self, event: Any) -> None:
        """One event of the run."""
        match event:
            case events.Started():
                if self.state.ended:
                    self.begin_again()
                self.device, self.rounds = event.device, event.rounds
                self.last = None
                self.move(JobState.RUNNING)
            case events.Progress():
                self._progress(event)
            case events.Scored():
                score = Score(event.round, event.held_out, event.chi2, event.best, event.residuals)
                self._scores[event.round] = score
            case events.Preview():
                self._preview(event)
            case events.Saved():
                self.saved_at = event.time
                self.prior = self._made_prior()
            case events.Notice():
                self.notice = event.text
            case events.Paused():
                self.move(JobState.PAUSED)
            case events.Resumed():
                self.move(JobState.RUNNING)
            case events.Stopped():
                self.prior = self._made_prior()
                if event.unsaved:
                    self.notice = f"Stopped; {event.words}"
                self.move(JobState.STOPPED)
            case events.Finished():
                self.prior = self._made_prior()
                self.move(JobState.DONE)
            case events.Failed():
                self.prior = self._made_prior()
                self.fail(event.text, event.details)

    def begin_again(self) -> None:
        """A new worker goes on with the run."""
        self.state, self.failure, self.details = JobState.PREPARING, "", ""

    def _progress(self, event: events.Progress) -> None:
        self.last = event
        if event.round != self.round:
            self.round = event.round
        if event.loss is None:
            return
        at = (event.round, event.step)
        if at[0] != self._at[0] or at[1] < self._at[1]:  # a new round, or a step back to a checkpoint
            self._steps_before += self._at[1]
            if self._steps_before:
                self._marks.append(self._steps_before)
        self._at = at
        self._curve.add(self._steps_before + event.step, event.loss)

    def _preview(self, event: events.Preview) -> None:
        file = (self.run / event.file).resolve()
        # The events may come from someone else: look at nothing outside the run.
        if file.is_relative_to(self.run.resolve()) and file.suffix == ".npz":
            self._previews[event.round] = file

    def _made_prior(self) -> Path | None:
        file = self.run / "prior.emprior"
        return file if file.is_file() else None

    def status(self) -> LearningStatus:
        x, y = self._curve.arrays()
        last = self.last
        return LearningStatus(
            state=self.state,
            attempt=self.attempt,
            run=self.run,
            device=self.device,
            rounds=self.rounds,
            round=self.round,
            phase=last.phase if last else "",
            step=last.step if last else 0,
            steps=last.steps if last else 0,
            remaining_s=last.remaining_s if last else None,
            saved_at=self.saved_at,
            loss_x=x,
            loss_y=y,
            round_marks=tuple(self._marks),
            scores=tuple(self._scores[r] for r in sorted(self._scores)),
            previews=tuple(sorted(self._previews.items())),
            notice=self.notice,
            prior=self.prior,
            failure=self.failure,
            details=self.details,
        )

    def saved_words(self) -> str:
        """How much an end without warning costs."""
        if self.saved_at is None:
            return "Nothing was saved yet, so learning has to begin again; your images are untouched."
        minutes = int((time.time() - self.saved_at) // 60)
        return f"Everything up to the last save, {minutes} min ago, is kept."
