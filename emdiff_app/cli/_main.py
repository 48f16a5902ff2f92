"""Puts the commands together and turns every failure into one sentence and an exit code."""

import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence

import typer

from emdiff_app import __version__
from emdiff_app.errors import EMDiffError

from . import _output

__all__ = ["build", "main"]

BAD_INPUT = 2
OUR_MISTAKE = 1
INTERRUPTED = 130
INTERRUPTED_WORDS = "Interrupted; files that were already finished are kept."


def build() -> typer.Typer:
    """The application with every command module of this folder."""
    app = typer.Typer(
        name="emdiff",
        help="Learn what clean images look like from corrupted ones alone, and restore stacks with it.",
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )

    @app.callback(invoke_without_command=True)
    def start(
        context: typer.Context,
        version: bool = typer.Option(False, "--version", help="Print the version and stop."),
    ) -> None:
        if version:
            typer.echo(__version__)
        elif context.invoked_subcommand is None:
            importlib.import_module("emdiff_app.cli.app").command([])

    import emdiff_app.cli as folder

    for module in sorted(m.name for m in pkgutil.iter_modules(folder.__path__) if m.name[0] != "_"):
        app.command(module)(importlib.import_module(f"emdiff_app.cli.{module}").command)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `emdiff` and return its exit code: 0 done, 2 bad input, 1 a mistake of ours, 130 Ctrl-C."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        with _output.warnings_said():
            code = int(build()(arguments, standalone_mode=False) or 0)
        # Typer turns Ctrl-C into this exit code without a word.
        return _refuse(INTERRUPTED_WORDS, arguments, code) if code == INTERRUPTED else code
    except EMDiffError as error:
        return _refuse(str(error), arguments, BAD_INPUT)
    except KeyboardInterrupt:
        return _refuse(INTERRUPTED_WORDS, arguments, INTERRUPTED)
    except typer.Abort:
        return _refuse("Stopped; nothing was changed.", arguments, INTERRUPTED)
    except Exception as error:
        if hasattr(error, "format_message"):  # a click usage error: a wrong or missing option
            return _refuse(f"{error.format_message()} See `emdiff --help`.", arguments, BAD_INPUT)
        if isinstance(error, BrokenPipeError):
            sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - the reader has gone; stay quiet
            return 0
        if os.environ.get("EMDIFF_DEBUG"):
            raise
        return _refuse(
            f"EMDiff failed in a way it should not have ({type(error).__name__}: {error}); your input files "
            "are untouched. Please report this with the output of the same command under EMDIFF_DEBUG=1.",
            arguments,
            OUR_MISTAKE,
        )


def _refuse(sentence: str, arguments: Sequence[str], code: int) -> int:
    sentence = " ".join(sentence.split())
    if "--json" in arguments:
        _output.emit({"error": sentence})
    print(f"emdiff: {sentence}", file=sys.stderr)
    return code
