"""`emdiff simulate STACK --model M.json --seed S --out F`: what would have been recorded of these images."""

from pathlib import Path
from typing import Annotated

import typer

from emdiff_app.errors import PhysicsError

from . import _output

DIMMEST = 0.01
"""A share of pixels below the camera's offset that is worth a word."""


def command(
    stack: Annotated[str, typer.Argument(help="Images as clean as possible: a file, folder or pattern.")],
    model: Annotated[Path, typer.Option(help="The imaging model, as JSON.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same noise.", min=0)] = 0,
    photons: Annotated[
        float | None,
        typer.Option(
            help="Brighten or dim the images (0 is no light) until the brightest pixels get this many photons."
        ),
    ] = None,
    volumes: Annotated[
        bool | None, typer.Option("--volumes/--planes", help="Blur along Z as well, or within planes.")
    ] = None,
    axes: Annotated[str | None, typer.Option(help="What the axes are, for example ZYX.")] = None,
    pixel_size: Annotated[float | None, typer.Option(help="Pixel size in um, along Y and X.")] = None,
    channel: Annotated[str | None, typer.Option(help="One channel, by number (from 0) or name.")] = None,
    dtype: Annotated[str, typer.Option(help="float32, same, or another type.")] = "float32",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Blur, hide, downsample and add noise as an imaging model says, plane by plane."""
    import numpy as np

    from emdiff_app.images import open_stack, save_stack
    from emdiff_app.physics import ImagingModel
    from emdiff_app.physics.simulating import brightest, simulate_stack

    chosen = ImagingModel.read(model)
    with open_stack(stack, axes=axes, pixel_size=pixel_size, channel=channel) as clean:
        parameters = chosen.noise.parameters()
        lift = None
        if photons is not None:
            if parameters.gain == 0 or photons <= 0:
                raise PhysicsError(
                    "--photons is for Poisson-Gaussian noise and a number above zero; nothing was written."
                )
            lift = photons * parameters.gain / brightest(clean)
        recorded = simulate_stack(clean, chosen, seed, volumes=volumes, lift=lift)
        wanted = clean.dtype.name if dtype == "same" else dtype
        words = {
            "simulated_from": clean.name,
            "imaging_model": chosen.model_dump(mode="json", exclude_none=True),
            "seed": seed,
            "shift_px": recorded.extras["shift_px"],
        }
        if lift is not None:
            words["lifted_by"] = lift
        first = clean.plane(next(iter(clean.plane_indices())))
        warnings = list(recorded.warnings)
        dim = float(np.mean(first < parameters.offset)) if lift is None and parameters.gain else 0.0
        if dim > DIMMEST:
            warnings.append(
                f"{dim:.0%} of the pixels are darker than the camera offset of {parameters.offset:g} "
                "and receive no light; if 0 means no light in these images, say how bright they are with --photons."
            )
        saved = save_stack(recorded, out, dtype=wanted, overwrite=overwrite, provenance=words)
    result = {
        "path": saved.path,
        "axes": recorded.axes,
        "shape": recorded.shape,
        "dtype": wanted,
        "pixel_size": {a: {"value": s.value, "unit": s.unit} for a, s in recorded.pixel_size.items()},
        "clipped": saved.clipped_pixels,
        "warnings": warnings,
        **words,
    }
    for warning in warnings:
        _output.say(f"warning: {warning}")
    if as_json:
        _output.emit(result)
    else:
        shape = " x ".join(str(n) for n in recorded.shape)
        typer.echo(
            f"{saved.path}: {shape} ({recorded.axes}), {wanted}, seed {seed}, {saved.clipped_pixels} pixels clipped"
        )
