"""`emdiff export RUN|P.emprior --out FILE`: a prior for a colleague."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    source: Annotated[Path, typer.Argument(help="A run folder or a prior file.")],
    out: Annotated[Path, typer.Option(help="The file to write, ending in .emprior.")],
    name: Annotated[str | None, typer.Option(help="What the prior is of.")] = None,
    author: Annotated[str | None, typer.Option(help="Who made it.")] = None,
    licence: Annotated[
        str | None, typer.Option(help="What others may do with it, such as CC-BY-4.0.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write the prior of a run, with a name, an author and a licence, as one file to share."""
    from emdiff_app.errors import PriorError
    from emdiff_app.images.atomic import ensure_free
    from emdiff_app.learning import RunFolder
    from emdiff_app.priors import read_prior, write_prior

    from ._output import emit, say

    file = RunFolder.open(source).prior if source.is_dir() else source
    if source.is_dir() and not file.exists():
        raise PriorError(f"{source} has no prior yet: its first round is not finished; nothing was written.")
    out = out if out.suffix == ".emprior" else out.with_name(out.name + ".emprior")
    ensure_free(out, overwrite=overwrite, error=PriorError)
    prior, card = read_prior(file)
    asked = {"name": name, "author": author, "licence": licence}
    card = card.model_copy(update={key: value for key, value in asked.items() if value is not None})
    write_prior(out, prior, card)
    if as_json:
        emit({"prior": out, "bytes": out.stat().st_size})
    else:
        say(f"Written to {out} ({out.stat().st_size / 1e6:.1f} MB).")
