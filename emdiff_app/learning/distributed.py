"""`torchrun --nproc-per-node N -m emdiff_app.learning.distributed RUN`: many processes work on one run folder.

The crops of an E-step are shared, and so is every batch of an M-step: the prior is the one that a single process
would learn, but for the rounding of sums. A process that dies is started again by `torchrun --max-restarts`, with all
others, and they go on from the last save. Ctrl-C, which torchrun passes on, stops them together and saves.
"""

import argparse
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch

from emdiff_app.errors import EMDiffError

from .learner import learn
from .members import Members
from .runs.events import Failed, Finished, Notice, Scored, Started, Stopped
from .runs.run_folder import RunFolder
from .runs.stopping import asked_to_stop

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Work as one of a team; 0 if the run ended well or was stopped."""
    parser = argparse.ArgumentParser(prog="torchrun -m emdiff_app.learning.distributed", description=__doc__)
    parser.add_argument(
        "run",
        type=Path,
        help="A run folder that all processes see; `emdiff learn ... --only-prepare` makes one.",
    )
    given = parser.parse_args(arguments)
    try:
        run = RunFolder.open(given.run)
        forget = run.requests
        if "RANK" not in os.environ:
            raise EMDiffError(
                "This is one process of a team; start all of them by `torchrun --nproc-per-node N -m "
                "emdiff_app.learning.distributed RUN`. Nothing was started."
            )
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
        team = Members()
    except EMDiffError as error:
        print(f"emdiff: {error}", file=sys.stderr)
        return 2

    def wish(by_hand: bool) -> None:
        if team.leads:  # it tells the others
            run.ask("stop")

    tell = partial(_say, run) if team.leads else _complain
    try:
        with asked_to_stop(wish, patient=True):
            return 0 if learn(run, tell, team, forget=forget) else 1
    finally:
        team.close()


def _say(run: RunFolder, event: Any) -> None:
    """The leader's log: what happened, not every step."""
    match event:
        case Started():
            line = f"learning with {event.processes} processes on {event.device}"
        case Scored():
            line = f"round {event.round}: held-out score {event.held_out:.4f}, chi2 {event.chi2:.2f}"
        case Notice() | Failed():
            line = event.text
        case Stopped():
            line = f"stopped; {event.words} Go on with the same command, or with: {run.resume_line}"
        case Finished():
            line = f"finished, the prior is {event.prior}"
        case _:
            return
    print(line, file=sys.stderr, flush=True)


def _complain(event: Any) -> None:
    if isinstance(event, Failed):
        print(event.text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
