"""`emdiff bench NAME`: measure, print the table, and keep it with `--out`."""

import importlib
from pathlib import Path
from typing import Annotated

import typer

from emdiff_app.errors import EMDiffError

from . import _output


def command(
    name: Annotated[str, typer.Argument(help="Which benchmark; leave out to list them.")] = "",
    out: Annotated[Path | None, typer.Option(help="Folder for the page and its pictures.")] = None,
    arguments: Annotated[list[str] | None, typer.Argument(help="Further words for the benchmark.")] = None,
    size: Annotated[str, typer.Option(help="cpu or gpu, for benchmarks that come in both.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure speed or quality beside a baseline and write the table."""
    from emdiff_app.benchmarks import Report, benchmark_names

    names = benchmark_names()
    if not name:
        _output.emit({"benchmarks": names}) if as_json else typer.echo("\n".join(names))
        return
    if name not in names:
        raise EMDiffError(
            f"There is no benchmark called {name!r}; there are {', '.join(names) or 'none yet'}."
        )
    if size not in ("", "cpu", "gpu"):
        raise EMDiffError(f"--size must be cpu or gpu, not {size!r}; nothing was measured.")
    import tempfile

    scratch = out or Path(tempfile.mkdtemp(prefix=f"emdiff-bench-{name}-"))
    scratch.mkdir(parents=True, exist_ok=True)
    report = Report(name, scratch, [*(arguments or ()), *([size] if size else [])])
    importlib.import_module(f"emdiff_app.benchmarks.{name.replace('-', '_')}").run(report)
    page = report.write()
    if as_json:
        _output.emit({"page": page, "markdown": report.markdown()})
    else:
        typer.echo(report.markdown())
        _output.say(f"Written to {page}")
