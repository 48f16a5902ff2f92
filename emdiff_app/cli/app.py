"""`emdiff app`: open the window."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    stacks: Annotated[list[Path] | None, typer.Argument(help="Images to open at once.")] = None,
    example: Annotated[bool, typer.Option("--example", help="Open the example.")] = False,
) -> None:
    """Open the window (so does `emdiff` alone)."""
    from emdiff_app.app import run_app

    raise SystemExit(run_app(stacks or [], example))
