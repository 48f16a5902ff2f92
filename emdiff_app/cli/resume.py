"""`emdiff resume RUN`: go on from the last save."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    time_limit: Annotated[
        float | None, typer.Option(help="Stop and keep after so many minutes from now.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Go on with a run that was stopped or interrupted."""
    from emdiff_app.learning import RunFolder

    from ._learning import learn_here

    learn_here(RunFolder.open(run), as_json, time_limit)
