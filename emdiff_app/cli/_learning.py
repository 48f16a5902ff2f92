"""What `learn`, `resume` and `watch` share: telling a person, or a machine, how a run goes."""

import sys
import time
from contextlib import AbstractContextManager
from typing import Any

from emdiff_app.errors import RunError
from emdiff_app.learning import RunFolder, Story
from emdiff_app.learning import events as e
from emdiff_app.learning.runs.stopping import asked_to_stop
from emdiff_app.system import command_line

from ._output import emit, say

__all__ = ["Teller", "learn_here", "stopping"]


class Teller:
    """Turns events into lines on stderr and remembers the outcome.

    A terminal gets a line every two seconds; a log file one every twenty, so that it stays readable.
    """

    def __init__(self) -> None:
        self.story = Story()
        self._said = 0.0
        self._pause = 2.0 if sys.stderr.isatty() else 20.0

    @property
    def outcome(self) -> Any:
        return self.story.outcome

    @property
    def best(self) -> e.Scored | None:
        return self.story.best

    def __call__(self, event: Any) -> None:
        self.story.take(event)
        match event:
            case e.Progress():
                if time.monotonic() - self._said > self._pause:
                    self._said = time.monotonic()
                    say(self._line(event))
            case e.Started():
                say(_beginning(event))
            case e.Scored():
                star = " (kept)" if event.best else ""
                say(f"round {event.round}: held-out score {event.held_out:.4f}, chi2 {event.chi2:.2f}{star}")
            case e.Notice():
                say(event.text)
            case e.Paused():
                say("Paused.")
            case e.Resumed():
                say("Going on.")

    def _line(self, event: e.Progress) -> str:
        loss = "" if event.loss is None else f", loss {event.loss:.3f}"
        left = f", {self.story.left} left" if self.story.left else ""
        memory = f", {self.story.memory}" if self.story.memory else ""
        return f"{self.story.where}{loss}{left}{memory}"

    def result(self, run: RunFolder) -> dict[str, Any]:
        """What a machine wants to know at the end."""
        story = self.story
        left = story.progress.remaining_s if story.progress and story.outcome is None else None
        best = None if story.best is None else {"round": story.best.round, "held_out": story.best.held_out}
        return {
            "run": str(run.path),
            "outcome": "nothing" if story.outcome is None else story.outcome.kind,
            "prior": str(run.prior) if run.prior.is_file() else None,
            "best": best,
            "round": story.progress.round if story.progress else None,
            "rounds": story.started.rounds if story.started else None,
            "remaining_s": left,
            "error": story.outcome.text if isinstance(story.outcome, e.Failed) else None,
        }


def _beginning(event: e.Started) -> str:
    name = f" ({event.device_name})" if event.device_name else ""
    together = f", {event.processes} processes" if event.processes > 1 else ""
    again = "" if event.resumed_from_round is None else f"; going on after round {event.resumed_from_round}"
    stacks = f"{event.images} stack{'s' if event.images > 1 else ''}"
    return f"Learning from {event.crops} crops of {stacks} on {event.device}{name}{together}{again}."


def stopping(run: RunFolder) -> AbstractContextManager[None]:
    """Within it, Ctrl-C and a polite kill are wishes to stop and keep; a second one ends the program at once."""

    def wish(by_hand: bool) -> None:
        run.ask("stop")
        if by_hand:
            say("Stopping after this step, and saving; Ctrl-C again to end at once.")

    return asked_to_stop(wish)


def learn_here(run: RunFolder, as_json: bool, time_limit: float | None = None) -> None:
    """Work on a run in this process, for so many minutes at most; Ctrl-C stops it and keeps what was learned."""
    from emdiff_app.learning import learn

    teller, forget = Teller(), run.requests  # looked up before this process may be asked to stop
    for event in run.follower().read():
        teller.story.take(event)
    before = teller.story.progress
    try:
        with stopping(run):
            learn(run, on_event=teller, time_limit_min=time_limit, forget=forget)
    except KeyboardInterrupt:
        say(f"Ended at once; the last save is kept. Go on with: {run.resume_line}")
        raise
    if isinstance(teller.outcome, e.Failed):
        raise RunError(teller.outcome.text)
    if as_json:
        emit(teller.result(run))
    elif isinstance(teller.outcome, e.Stopped):
        say(f"Stopped; {teller.outcome.words} Go on with: {run.resume_line}")
        if run.prior.is_file():
            say(f"The best prior so far is {run.prior}.")
    else:
        late = isinstance(teller.outcome, e.Finished) and teller.outcome.out_of_time
        if before is not None and teller.story.progress is before and not late:
            say(
                "All rounds were done already, so nothing was learned now; for more, raise `rounds` in recipe.json."
            )
        line = command_line("emdiff", "restore", "STACK", "--prior", run.prior, "--out", "FOLDER")
        say(f"The prior is {run.prior}. Restore with: {line}")
