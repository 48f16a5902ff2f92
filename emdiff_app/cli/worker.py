"""`emdiff worker RUN`: do a run's work and tell it in events only. The window starts this."""

from pathlib import Path
from typing import Annotated

import typer


def command(run: Annotated[Path, typer.Argument(help="The run folder.")]) -> None:
    """Work on a run; all that happens is in its events, and only what ends it is said (used by the window)."""
    from emdiff_app.errors import RunError
    from emdiff_app.learning import RunFolder, events, learn

    from ._learning import stopping

    folder, failures = RunFolder.open(run), []

    def listen(event: object) -> None:
        if isinstance(event, events.Failed):
            failures.append(event.text)

    with stopping(folder):
        learn(folder, listen)
    if failures:
        raise RunError(failures[-1])
