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
    samples: Annotated[
        bool,
        typer.Option("--samples", help="Put a picture of images that the prior draws from noise inside."),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write the prior of a run, with a name, an author and a licence, as one file to share."""
    from emdiff_app.errors import PriorError
    from emdiff_app.images.atomic import ensure_free
    from emdiff_app.learning import RunFolder
    from emdiff_app.priors import contact_sheet, draw_samples, export_prior, read_prior

    from ._output import emit, say

    file = RunFolder.open(source).prior if source.is_dir() else source
    if source.is_dir() and not file.exists():
        raise PriorError(f"{source} has no prior yet: its first round is not finished; nothing was written.")
    ensure_free(out, overwrite=overwrite, error=PriorError)
    preview = contact_sheet(draw_samples(read_prior(file)[0])) if samples else None
    made = export_prior(
        file, out, overwrite=overwrite, preview=preview, name=name, author=author, licence=licence
    )
    if as_json:
        emit({"prior": made, "bytes": made.stat().st_size})
    else:
        say(f"Written to {made} ({made.stat().st_size / 1e6:.1f} MB).")
