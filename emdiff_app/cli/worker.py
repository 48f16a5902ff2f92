"""`emdiff worker RUN`: do a run's work and tell it in events only. The window starts this."""

from pathlib import Path
from typing import Annotated

import typer


def command(run: Annotated[Path, typer.Argument(help="The run folder.")]) -> None:
    """Work on a run without a word; everything is in its events (used by the window)."""
    from emdiff_app.learning import RunFolder, learn

    if not learn(RunFolder.open(run)):
        raise SystemExit(1)
