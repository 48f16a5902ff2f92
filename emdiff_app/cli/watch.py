"""`emdiff watch RUN`: follow a run from this or any other machine that sees its folder."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

PATIENCE = 10.0
"""Seconds without anybody at work: a worker that is just starting needs some before it can be seen."""


def command(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    once: Annotated[bool, typer.Option("--once", help="Tell how it stands and stop.")] = False,
    previews: Annotated[
        Path | None, typer.Option(help="Write the preview of every round into this folder, as PNG.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Follow a run until it ends or nobody works on it any more; reading only. Ctrl-C stops watching, not learning."""
    from emdiff_app.learning import RunFolder
    from emdiff_app.learning.runs.events import Finished

    from ._learning import Teller
    from ._output import emit, say
    from ._watching import LiveView, PreviewWriter, in_words

    folder = RunFolder.open(run)
    follower, teller = folder.follower(), Teller()
    live = sys.stderr.isatty() and not (once or as_json)
    take = teller.story.take if live or once else teller
    pictures = PreviewWriter(folder, previews) if previews else None
    folder.shows_life()
    alive, seen = time.monotonic(), False
    try:
        with LiveView(folder, teller.story, enabled=live) as view:
            while True:
                at_work = folder.is_worked_on  # asked before reading, so that no last event is missed
                for event in follower.read():
                    take(event)
                if pictures:
                    pictures.write(teller.story.previews)
                view.refresh()
                if at_work or not (teller.story.started or teller.outcome):
                    alive, seen = time.monotonic(), seen or at_work
                settled = seen or isinstance(teller.outcome, Finished)  # else it may be about to be taken up
                over = teller.outcome is not None and settled and not at_work
                if once or over or time.monotonic() - alive > PATIENCE:
                    break
                time.sleep(0.5)
    except KeyboardInterrupt:
        say("Watching has ended; the run is as it was.")
        return
    if as_json:
        emit({**teller.result(folder), "worked_on": folder.is_worked_on})
    elif not live:
        say(in_words(folder, teller.story))
