"""`emdiff watch RUN`: follow a run from this or any other machine that sees its folder."""

import time
from pathlib import Path
from typing import Annotated

import typer


def command(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    once: Annotated[bool, typer.Option("--once", help="Tell how it stands and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Follow a run until it ends; reading only, so it disturbs nothing."""
    from emdiff_app.learning import RunFolder

    from ._learning import Teller
    from ._output import emit, say

    folder = RunFolder.open(run)
    follower, teller = folder.follower(), Teller()
    while True:
        for event in follower.read():
            teller(event)
        if once or teller.outcome is not None:
            break
        time.sleep(0.5)
    if as_json:
        emit(teller.result(folder))
    elif teller.outcome is not None:
        say(getattr(teller.outcome, "text", f"The run has {teller.outcome.kind}."))
