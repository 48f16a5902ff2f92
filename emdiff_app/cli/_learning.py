"""What `learn`, `resume` and `watch` share: telling a person, or a machine, how a run goes."""

import signal
import sys
import time
from typing import Any

from emdiff_app.errors import RunError
from emdiff_app.learning import RunFolder
from emdiff_app.learning import events as e

from ._output import emit, say

__all__ = ["Teller", "learn_here"]


class Teller:
    """Turns events into lines on stderr and remembers the outcome.

    A terminal gets a line every second; a log file one every ten, so that it stays readable.
    """

    def __init__(self) -> None:
        self.outcome: Any = None
        self.best: e.Scored | None = None
        self._said = 0.0
        self._pause = 1.0 if sys.stderr.isatty() else 10.0

    def __call__(self, event: Any) -> None:
        if isinstance(event, e.Progress):
            if time.monotonic() - self._said < self._pause:
                return
            self._said = time.monotonic()
            loss = "" if event.loss is None else f", loss {event.loss:.3f}"
            say(f"round {event.round}, {event.phase} {event.step}/{event.steps}{loss}{_left(event)}")
        elif isinstance(event, e.Started):
            again = (
                ""
                if event.resumed_from_round is None
                else f", going on after round {event.resumed_from_round}"
            )
            say(f"Learning from {event.crops} crops of {event.images} stack(s) on {event.device}{again}.")
        elif isinstance(event, e.Scored):
            self.best = event if event.best else self.best
            star = " (best so far)" if event.best else ""
            say(f"round {event.round}: held-out score {event.held_out:.4f}, chi2 {event.chi2:.2f}{star}")
        elif isinstance(event, e.Notice):
            say(event.text)
        elif isinstance(event, e.Finished | e.Stopped | e.Failed):
            self.outcome = event

    def result(self, run: RunFolder) -> dict[str, Any]:
        """What a machine wants to know at the end."""
        kind = "nothing" if self.outcome is None else self.outcome.kind
        best = None if self.best is None else {"round": self.best.round, "held_out": self.best.held_out}
        return {"run": str(run.path), "outcome": kind, "prior": str(run.prior), "best": best}


def _left(event: e.Progress) -> str:
    if event.remaining_s is None:
        return ""
    low, high = (s / 60 for s in event.remaining_s)
    return f", {low:.0f}-{high:.0f} min left" if high >= 2 else ", about a minute left"


def learn_here(run: RunFolder, as_json: bool) -> None:
    """Work on a run in this process; Ctrl-C stops it at the next step and keeps what was learned."""
    from emdiff_app.learning import learn

    run.clear_requests()
    teller = Teller()
    before = signal.signal(signal.SIGINT, lambda *_: run.ask("stop"))
    try:
        learn(run, on_event=teller)
    finally:
        signal.signal(signal.SIGINT, before)
    if isinstance(teller.outcome, e.Failed):
        raise RunError(teller.outcome.text)
    if as_json:
        emit(teller.result(run))
    elif isinstance(teller.outcome, e.Stopped):
        say(f"Stopped; what was learned is kept. Go on with: emdiff resume {run.path}")
    else:
        say(f"The prior is {run.prior}. Restore with: emdiff restore STACK --prior {run.prior} --out FOLDER")
