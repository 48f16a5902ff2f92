"""`emdiff learn STACK... --out RUN`: learn a prior from corrupted images."""

import glob
from pathlib import Path
from typing import Annotated, Any

import typer

from emdiff_app.errors import EMDiffError

from ._options import Axes, Channel, Device, NoisePerImage, PixelSize


def command(
    stacks: Annotated[list[Path], typer.Argument(help="The corrupted images.")],
    out: Annotated[Path, typer.Option(help="A new folder for the run.")],
    model: Annotated[Path | None, typer.Option(help="The imaging model, as JSON.")] = None,
    preset: Annotated[str, typer.Option(help="quick, standard, best or emdiffusion.")] = "standard",
    rounds: Annotated[int | None, typer.Option(help="How many rounds.")] = None,
    crop: Annotated[int | None, typer.Option(help="The side of a crop, in pixels.")] = None,
    start: Annotated[
        str,
        typer.Option(
            help="nothing, clean:GLOB (a few clean images of this kind), similar:GLOB (clean images of another kind, "
            "learned from at the start only) or prior:FILE (a colleague's prior)."
        ),
    ] = "nothing",
    noise_per_image: NoisePerImage = "auto",
    time_limit: Annotated[float | None, typer.Option(help="Stop and keep after so many minutes.")] = None,
    device: Device = "auto",
    axes: Axes = None,
    pixel_size: PixelSize = None,
    channel: Channel = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same run.")] = 0,
    only_prepare: Annotated[
        bool, typer.Option("--only-prepare", help="Make the run folder for `resume` or torchrun, and stop.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Learn what clean images look like from corrupted ones alone."""
    from emdiff_app.images import open_stack
    from emdiff_app.learning import PRESETS, RunFolder, each_once, one_channel
    from emdiff_app.learning.runs.undoing import take_back, to_be_made

    from ._learning import learn_here
    from ._model import model_or_estimate
    from ._output import emit, say

    if preset not in PRESETS:
        raise EMDiffError(
            f"There is no preset {preset!r}; there are {', '.join(PRESETS)}. Nothing was started."
        )
    given: dict[str, Any] = {
        "rounds": rounds,
        "crop": crop,
        "axes": axes,
        "pixel_size_um": pixel_size,
        "channel": channel,
        "time_limit_min": time_limit,
    }
    fields = PRESETS[preset] | {name: value for name, value in given.items() if value is not None}
    fields |= {"device": device, "seed": seed, "noise_per_image": noise_per_image, **_start(start)}
    RunFolder.check_free(out)
    paths, again = each_once([path.absolute() for path in stacks])
    for sentence in again:
        say(sentence)
    for path in paths:
        with open_stack(path, axes=axes, pixel_size=pixel_size, channel=channel) as stack:
            for warning in stack.warnings:
                say(f"{path.name}: {warning}")
            one_channel(stack)
    chosen, said = model_or_estimate(
        model,
        paths,
        each=noise_per_image != "no",
        axes=axes,
        pixel_size=pixel_size,
        channel=channel,
    )
    for sentence in said:
        say(sentence)
    made = to_be_made(out)
    run = RunFolder.create(out, _recipe({**fields, "stacks": tuple(map(str, paths)), "model": chosen}))
    if not only_prepare:
        try:
            learn_here(run, as_json)
        except EMDiffError:
            if run.is_bare:  # nothing was started: the same command may be tried again
                take_back(run.path, made)
            raise
    elif as_json:
        emit({"run": str(run.path), "outcome": "nothing"})
    else:
        say(f"The run is {run.path}. Start it with: {run.resume_line}")


def _start(wish: str) -> dict[str, Any]:
    """The fields of the recipe that say what to start from."""
    kind, _, what = wish.partition(":")
    match kind:
        case "nothing" if not what:
            return {}
        case "clean" | "similar" if what:
            found = sorted(glob.glob(str(Path(what).expanduser()), recursive=True))  # noqa: PTH207 - any pattern
            if not found:
                raise EMDiffError(
                    f"No clean image matches {what!r}, so nothing was started; check the pattern."
                )
            return {kind: tuple(str(Path(name).absolute()) for name in found)}
        case "prior" if what:
            file = Path(what).expanduser().absolute()
            if not file.is_file():
                raise EMDiffError(f"There is no prior {what}, so nothing was started; check the name.")
            return {"prior": str(file)}
    raise EMDiffError(
        f"--start {wish!r} is none of nothing, clean:GLOB, similar:GLOB and prior:FILE; nothing was started. For "
        "example --start 'clean:sharp/*.tif'."
    )


def _recipe(fields: dict[str, Any]) -> Any:
    from pydantic import ValidationError

    from emdiff_app.learning import Recipe

    try:
        return Recipe(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        name = "-".join(str(part) for part in first["loc"])
        raise EMDiffError(f"{name}: {first['msg']}; nothing was started.") from None
