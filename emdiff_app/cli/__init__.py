"""The command line: `emdiff COMMAND`. One file per command; a file dropped here is a command.

Each module defines `command`, a typer function named like the file. Nothing heavy is imported until a
command runs, so that `emdiff --help` is instant and commands without torch start in under a second.
"""

from ._main import main

__all__ = ["main"]
