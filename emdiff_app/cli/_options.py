"""Options that `learn` and `restore` share: which images, how their noise is known, and where to compute."""

from typing import Annotated

import typer

__all__ = ["Axes", "Channel", "Device", "NoisePerImage", "PixelSize"]

Axes = Annotated[str | None, typer.Option(help="The axes, such as ZYX.")]
PixelSize = Annotated[float | None, typer.Option(help="The pixel size in um.")]
Channel = Annotated[str | None, typer.Option(help="The channel, by number (from 0) or name.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
NoisePerImage = Annotated[
    str,
    typer.Option(
        help="Measure the noise of every image: yes, no, or auto (where each was stretched on its own)."
    ),
]
