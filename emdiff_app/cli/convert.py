"""`emdiff convert IN OUT`: the same image in another format, with everything that is known about it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from . import _output


def command(
    source: Annotated[str, typer.Argument(metavar="IN", help="A file, folder, pattern or Zarr.")],
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="Ends in .ome.tif, .tif (ImageJ), .zarr, .npy or .png.")
    ],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it exists.")] = False,
    dtype: Annotated[
        str, typer.Option(help="same, float32, uint16, ...: whole numbers are rounded and clipped.")
    ] = "same",
    axes: Annotated[str | None, typer.Option(help="What the axes of IN are, for example ZYX.")] = None,
    pixel_size: Annotated[float | None, typer.Option(help="Pixel size in um, along Y and X.")] = None,
    channel: Annotated[str | None, typer.Option(help="One channel, by number (from 0) or name.")] = None,
    series: Annotated[int | None, typer.Option(help="Which image of a TIFF that holds several.")] = None,
    compression: Annotated[str, typer.Option(help="none, zlib (read by everything) or zstd.")] = "none",
    zarr_version: Annotated[str, typer.Option(help="OME-Zarr 0.5, or 0.4 for older readers.")] = "0.5",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write an image in another format, plane by plane; axes, pixel size and channel names are kept."""
    from emdiff_app.images import open_stack, save_stack

    with open_stack(source, axes=axes, pixel_size=pixel_size, channel=channel, series=series) as stack:
        for warning in stack.warnings:
            _output.say(f"emdiff: {warning}")
        saved = save_stack(
            stack,
            target,
            dtype=dtype,
            overwrite=overwrite,
            provenance=stack.extras.get("provenance"),
            compression=compression,
            zarr_version=zarr_version,
            on_plane=_progress(target.name),
        )
    if saved.left_out:
        bare = target.suffix.lower() in (".npy", ".png")
        _output.say(
            f"emdiff: a {target.suffix} has no room for the {' and the '.join(saved.left_out)} of IN; choose "
            f"{'.ome.tif or .zarr' if bare else '.zarr'} to keep more."
        )
    if as_json:
        _output.emit(
            {
                "path": saved.path,
                "axes": stack.axes,
                "shape": stack.shape,
                "dtype": stack.dtype.name if dtype == "same" else dtype,
                "planes": saved.planes,
                "clipped_pixels": saved.clipped_pixels,
                "left_out": saved.left_out,
                "warnings": stack.warnings,
            }
        )
        return
    clipped = f"; {saved.clipped_pixels} pixels did not fit and were clipped" if saved.clipped_pixels else ""
    typer.echo(f"{saved.path}: {saved.planes} plane{'s' if saved.planes > 1 else ''} written{clipped}.")


def _progress(name: str) -> Callable[[int, int], None]:
    """Says how far it is, at most once a second, and nothing about what is done sooner."""
    said = time.monotonic()

    def on_plane(done: int, total: int) -> None:
        nonlocal said
        if time.monotonic() - said >= 1:
            said = time.monotonic()
            _output.say(f"{name}: plane {done} of {total} ({100 * done // total} %)")

    return on_plane
