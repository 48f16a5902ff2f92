"""`emdiff check RESTORED RECORDED --model M.json`: whether a restored image explains the recorded one.

With `--prior`, whether to trust restorations of such images by that prior at all.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emdiff_app.errors import PhysicsError, StackError
from emdiff_app.system import command_line

from . import _output
from ._verdicts import told_by, verdict_fields

if TYPE_CHECKING:
    from emdiff_app.images import Stack
    from emdiff_app.physics import ImagingModel
    from emdiff_app.physics.checking import Agreement
    from emdiff_app.restoring.trust import Examined


def command(
    restored: Annotated[str, typer.Argument(help="The restored images: a file, folder or pattern.")],
    recorded: Annotated[str, typer.Argument(help="The recorded images they were made from.")],
    model: Annotated[
        Path | None, typer.Option(help="The imaging model, as JSON; the prior's own by default.")
    ] = None,
    prior: Annotated[
        Path | None, typer.Option(help="The prior file: restores some crops and says whether to trust that.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write a report, one HTML page; needs --prior.")] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Measure whether the spread is an error bar; needs --prior.")
    ] = False,
    samples: Annotated[int, typer.Option(min=2, max=100, help="How many samples of each crop.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same check.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a report that exists.")] = False,
    axes: Annotated[str | None, typer.Option(help="What the axes of both are, for example ZYX.")] = None,
    pixel_size: Annotated[
        float | None, typer.Option(help="Pixel size of the recorded images in um, along Y and X.")
    ] = None,
    channel: Annotated[str | None, typer.Option(help="One channel, by number (from 0) or name.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check a restoration against the data: size (chi2) and whiteness of what it leaves over, and a verdict.

    With a prior also: whether data, imaging model and prior fit each other, and every reason why not.
    """
    from emdiff_app.images import open_stack
    from emdiff_app.physics.checking import Agreement

    chosen = _model(model, prior)
    _refuse_early(prior, report, calibrate, overwrite)
    trust: Examined | None = None
    with (
        open_stack(restored, axes=axes) as made,
        open_stack(recorded, axes=axes, pixel_size=pixel_size, channel=channel) as data,
    ):
        # What was made of one channel has no others.
        own = made.channel(channel) if channel is not None and "C" in made.axes else made
        pairs = list(zip(own.plane_indices(), data.plane_indices(), strict=False))
        _same_planes(own, data)
        planes = [_checked(own.plane(i), data.plane(j), data, chosen) for i, j in pairs]
        if prior is not None:
            trust = _examined(data, prior, model, calibrate, samples, seed)
    whole = Agreement.of_all(planes)
    if not whole.pixels:
        raise PhysicsError(
            "No recorded pixel can be checked: the images are smaller than the reach of the blur, or all masked; "
            "check larger images."
        )
    if trust is not None and report is not None:
        options = {
            "model": model,
            "prior": prior,
            "samples": samples,
            "seed": seed,
            "axes": axes,
            "pixel-size": pixel_size,
            "channel": channel,
        }
        _report(report, trust, restored, recorded, options, calibrate, overwrite)
    if as_json:
        figures = {**_figures(whole), "planes": [_figures(p) for p in planes]}
        _output.emit(figures if trust is None else {**figures, "trust": _trust(trust), "report": report})
        return
    _tell(whole, planes)
    if trust is not None:
        _tell_trust(trust)
    if report is not None:
        typer.echo(f"\nThe report is {report}.")


def _model(model: Path | None, prior: Path | None) -> "ImagingModel":
    from emdiff_app.physics import ImagingModel

    if model is not None:
        return ImagingModel.read(model)
    if prior is None:
        raise PhysicsError(
            "How the images were recorded is not known; give --model, or a --prior that says it."
        )
    from emdiff_app.priors import read_card

    return read_card(prior).model


def _refuse_early(prior: Path | None, report: Path | None, calibrate: bool, overwrite: bool) -> None:
    """What cannot work is said before a minute of work."""
    from emdiff_app.images.atomic import ensure_free

    if prior is None and (report is not None or calibrate):
        raise PhysicsError("A report and a calibration need the prior; give it with --prior.")
    if report is not None:
        ensure_free(report, overwrite=overwrite)


def _examined(
    data: "Stack", prior: Path, model: Path | None, calibrate: bool, samples: int, seed: int
) -> "Examined":
    from dataclasses import replace

    from emdiff_app.physics import ImagingModel
    from emdiff_app.restoring import known_prior
    from emdiff_app.restoring.trust import calibrate_stack, examine

    known = known_prior(prior)
    given = None if model is None else ImagingModel.read(model)
    _output.say("Restoring some crops to check them ...")
    found = examine(data, known, given, samples=samples, seed=seed)
    if not calibrate:
        return found
    _output.say("Calibrating on simulated images ...")
    return replace(found, calibration=calibrate_stack(data, known, given, seed=seed))


def _report(
    report: Path,
    trust: "Examined",
    restored: str,
    recorded: str,
    options: dict[str, Any],
    calibrate: bool,
    overwrite: bool,
) -> None:
    from emdiff_app.restoring.report import report_of

    words = ["emdiff", "check", restored, recorded]
    for name, value in options.items():
        words += [] if value is None else [f"--{name}", str(value)]
    again = command_line(*words, *(["--calibrate"] if calibrate else []))
    recipe = {"restored": restored, "recorded": recorded}
    report_of(report, trust, title=Path(recorded).name, command=again, recipe=recipe, overwrite=overwrite)


def _trust(trust: "Examined") -> dict[str, Any]:
    spread = trust.calibration
    return {
        **verdict_fields(trust),
        "figures": trust.assessment.figures.model_dump(mode="json"),
        "spread": spread.label if spread else "uncalibrated",
        "calibration": spread.model_dump(mode="json") if spread else None,
    }


def _tell(whole: "Agreement", planes: "list[Agreement]") -> None:
    from emdiff_app.physics.checking import LAGS

    typer.echo(whole.verdict)
    typer.echo(f"  chi2        {whole.chi2:.3f} (about 1), over {whole.pixels} pixels")
    lags = ", ".join(f"{lag}: {r:+.3f}" for lag, r in zip(LAGS, whole.autocorrelation, strict=True))
    typer.echo(f"  whiteness   correlation at lag {lags} (about 0)")
    if len(planes) > 1:
        low, high = min(p.chi2 for p in planes), max(p.chi2 for p in planes)
        typer.echo(f"  planes      {len(planes)}, chi2 from {low:.3f} to {high:.3f}")


def _tell_trust(trust: "Examined") -> None:
    from emdiff_app.restoring.trust import UNKNOWN

    typer.echo(f"\nRestorations of this image by {trust.prior}:")
    for line in told_by(trust):
        typer.echo(f"  {line}")
    typer.echo(f"  {trust.calibration.sentence if trust.calibration else UNKNOWN}")


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
