"""`emdiff check RESTORED RECORDED --model M.json`: whether a restored image explains the recorded one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emdiff_app.errors import PhysicsError, StackError

from . import _output

if TYPE_CHECKING:
    from emdiff_app.images import Stack
    from emdiff_app.physics import ImagingModel
    from emdiff_app.physics.checking import Agreement


def command(
    restored: Annotated[str, typer.Argument(help="The restored images: a file, folder or pattern.")],
    recorded: Annotated[str, typer.Argument(help="The recorded images they were made from.")],
    model: Annotated[Path, typer.Option(help="The imaging model, as JSON.")],
    axes: Annotated[str | None, typer.Option(help="What the axes of both are, for example ZYX.")] = None,
    pixel_size: Annotated[
        float | None, typer.Option(help="Pixel size of the recorded images in um, along Y and X.")
    ] = None,
    channel: Annotated[str | None, typer.Option(help="One channel, by number (from 0) or name.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check a restoration against the data: size (chi2) and whiteness of what it leaves over, and a verdict."""
    from emdiff_app.images import open_stack
    from emdiff_app.physics import ImagingModel
    from emdiff_app.physics.checking import LAGS, Agreement

    chosen = ImagingModel.read(model)
    with (
        open_stack(restored, axes=axes, channel=channel) as own,
        open_stack(recorded, axes=axes, pixel_size=pixel_size, channel=channel) as data,
    ):
        pairs = list(zip(own.plane_indices(), data.plane_indices(), strict=False))
        _same_planes(own, data)
        planes = [_checked(own.plane(i), data.plane(j), data, chosen) for i, j in pairs]
    whole = Agreement.of_all(planes)
    if not whole.pixels:
        raise PhysicsError(
            "No recorded pixel can be checked: the images are smaller than the reach of the blur, or all masked; "
            "check larger images."
        )
    figures = _figures(whole)
    if as_json:
        _output.emit({**figures, "planes": [_figures(p) for p in planes]})
        return
    typer.echo(whole.verdict)
    typer.echo(f"  chi2        {whole.chi2:.3f} (about 1), over {whole.pixels} pixels")
    lags = ", ".join(f"{lag}: {r:+.3f}" for lag, r in zip(LAGS, whole.autocorrelation, strict=True))
    typer.echo(f"  whiteness   correlation at lag {lags} (about 0)")
    if len(planes) > 1:
        low, high = min(p.chi2 for p in planes), max(p.chi2 for p in planes)
        typer.echo(f"  planes      {len(planes)}, chi2 from {low:.3f} to {high:.3f}")


def _checked(restored: Any, recorded: Any, data: "Stack", model: "ImagingModel") -> "Agreement":
    """One plane; colour samples are the channels of a batch of one."""
    import numpy as np
    import torch

    from emdiff_app.physics.checking import agreement, on_domain

    def tensor(plane: Any) -> torch.Tensor:
        colours = np.moveaxis(plane, -1, 0) if plane.ndim == 3 else plane[None]
        return torch.from_numpy(np.ascontiguousarray(colours, np.float64))[None]

    x, y = tensor(restored), tensor(recorded)
    if x.shape[1] != y.shape[1]:
        raise StackError("One of the two has colours and the other has not; compare images of the same kind.")
    if not bool(torch.isfinite(x).all()):
        raise StackError(
            "The restored image has pixels that are not numbers (NaN or infinite), so it explains nothing."
        )
    imaging = model.bind(tuple(y.shape[2:]), pixel_size=data.pixel_size, dtype=torch.float64)
    on, explained = on_domain(imaging, x)
    return agreement(imaging, y, on, explained)


def _same_planes(own: "Stack", data: "Stack") -> None:
    counts = [len(list(stack.plane_indices())) for stack in (own, data)]
    if counts[0] != counts[1]:
        raise StackError(
            f"{own.name} has {counts[0]} planes and {data.name} {counts[1]}, so they cannot be matched; choose the "
            "restoration of this very recording."
        )


def _figures(found: "Agreement") -> dict[str, Any]:
    return {
        "chi2": found.chi2,
        "autocorrelation": found.autocorrelation,
        "pixels": found.pixels,
        "believable": found.believable,
        "verdict": found.verdict,
    }
