"""`emdiff show P.emprior`: the card of a prior."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from emdiff_app.priors import Card


def command(
    prior: Annotated[Path, typer.Argument(help="The prior file.")],
    verify: Annotated[bool, typer.Option("--verify", help="Check every checksum and weight too.")] = False,
    samples: Annotated[
        Path | None, typer.Option(help="A PNG to write, with images that the prior draws from noise.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a PNG that exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print what a prior is, what it learned from and who made it."""
    from emdiff_app.priors import read_card

    from ._output import emit

    card = read_card(prior)
    result: dict[str, Any] = card.model_dump(mode="json")
    if verify:
        from emdiff_app.priors import verify_prior

        result["verified"] = verify_prior(prior)._asdict()
    if samples is not None:
        _draw(prior, samples, overwrite)
        result["samples"] = samples
    if as_json:
        emit(result)
        return
    lines = _lines(card)
    if verify:
        found = result["verified"]
        lines["verified"] = (
            f"{len(found['sha256'])} checksums are right, {found['parameters']} weights are sound"
        )
    if samples is not None:
        lines["samples"] = str(samples)
    for key, value in lines.items():
        for number, line in enumerate(value.splitlines()):
            typer.echo(f"{'' if number else key:16s} {line}")


def _draw(prior: Path, samples: Path, overwrite: bool) -> None:
    from emdiff_app.errors import PriorError
    from emdiff_app.images.atomic import ensure_free
    from emdiff_app.priors import contact_sheet, draw_samples, read_prior, write_picture

    from ._output import say

    samples = Path(samples)
    ensure_free(samples, overwrite=overwrite, error=PriorError)
    if samples.suffix.lower() != ".png":
        raise PriorError(
            f"The samples are written as a PNG and {samples} is none; choose a name ending in .png."
        )
    say("Drawing eight images from noise...")
    write_picture(samples, contact_sheet(draw_samples(read_prior(prior)[0])), overwrite=overwrite)


def _lines(card: "Card") -> dict[str, str]:
    made, network = card.training, card.network
    assert network is not None  # no card without one can be read
    scores = ", ".join("-" if score is None else f"{score:.3f}" for score in made.held_out)
    sizes = ", ".join(f"{axis} {size:g} um" for axis, size in card.pixel_size_um.items())
    return {
        "name": card.name or "not given",
        "author": card.author or "not given",
        "licence": card.licence or "not given",
        "network": f"{card.size}: {network.name} {network.version}, {card.channels} channel(s)",
        "learned from": f"{', '.join(made.images) or 'unknown'} ({made.crops} crops, {made.rounds} rounds)",
        "held-out scores": scores or "none",
        "imaging model": card.model.to_json(),
        "intensities": f"recorded = {card.scale.gain:g} x + {card.scale.offset:g}",
        "pixel size": sizes or "unknown",
        "made with": ", ".join(f"{name} {version}" for name, version in card.versions.items()),
        "written": card.written or "unknown",
        **({"remarks": "\n".join(made.notices)} if made.notices else {}),
    }
