"""`emdiff learn STACK... --out RUN`: learn a prior from corrupted images."""

from pathlib import Path
from typing import Annotated, Any

import typer

from emdiff_app.errors import EMDiffError


def command(
    stacks: Annotated[list[Path], typer.Argument(help="The corrupted images.")],
    out: Annotated[Path, typer.Option(help="A new folder for the run.")],
    model: Annotated[Path | None, typer.Option(help="The imaging model, as JSON.")] = None,
    preset: Annotated[str, typer.Option(help="quick, standard or best.")] = "standard",
    rounds: Annotated[int | None, typer.Option(help="How many rounds.")] = None,
    time_limit: Annotated[float | None, typer.Option(help="Stop and keep after so many minutes.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    axes: Annotated[str | None, typer.Option(help="The axes, such as ZYX.")] = None,
    pixel_size: Annotated[float | None, typer.Option(help="The pixel size in um.")] = None,
    channel: Annotated[int | None, typer.Option(help="The channel, from 0.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same run.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Learn what clean images look like from corrupted ones alone."""
    from emdiff_app.learning import PRESETS, RunFolder

    from ._learning import learn_here
    from ._model import model_or_estimate
    from ._output import say

    if preset not in PRESETS:
        raise EMDiffError(
            f"There is no preset {preset!r}; there are {', '.join(PRESETS)}. Nothing was started."
        )
    paths = [path.absolute() for path in stacks]
    chosen, said = model_or_estimate(model, paths, axes=axes, pixel_size=pixel_size, channel=channel)
    for sentence in said:
        say(sentence)
    fields: dict[str, Any] = dict(PRESETS[preset])
    if rounds is not None:
        fields["rounds"] = rounds
    fields |= {
        "stacks": tuple(map(str, paths)),
        "model": chosen,
        "axes": axes,
        "pixel_size_um": pixel_size,
        "channel": channel,
        "time_limit_min": time_limit,
        "device": device,
        "seed": seed,
    }
    learn_here(RunFolder.create(out, _recipe(fields)), as_json)


def _recipe(fields: dict[str, Any]) -> Any:
    from pydantic import ValidationError

    from emdiff_app.learning import Recipe

    try:
        return Recipe(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        name = "-".join(str(part) for part in first["loc"])
        raise EMDiffError(f"{name}: {first['msg']}; nothing was started.") from None
