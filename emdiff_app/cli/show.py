"""`emdiff show P.emprior`: the card of a prior."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    prior: Annotated[Path, typer.Argument(help="The prior file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print what a prior is, what it learned from and who made it."""
    from emdiff_app.priors import read_card

    from ._output import emit

    card = read_card(prior)
    if as_json:
        emit(card.model_dump(mode="json"))
        return
    made = card.training
    scores = ", ".join(f"{score:.3f}" for score in made.held_out)
    lines = {
        "name": card.name or "not given",
        "author": card.author or "not given",
        "licence": card.licence or "not given",
        "network": f"{card.size}, {card.channels} channel(s)",
        "learned from": f"{', '.join(made.images) or 'unknown'} ({made.crops} crops, {made.rounds} rounds)",
        "held-out scores": scores or "none",
        "imaging model": card.model.to_json(),
        "intensities": f"recorded = {card.scale.gain:g} x + {card.scale.offset:g}",
        "pixel size": ", ".join(f"{axis} {size:g} um" for axis, size in card.pixel_size_um.items())
        or "unknown",
        "made with": ", ".join(f"{name} {version}" for name, version in card.versions.items()),
    }
    for key, value in lines.items():
        first, *rest = value.splitlines()
        typer.echo(f"{key:16s} {first}")
        for line in rest:
            typer.echo(f"{'':16s} {line}")
