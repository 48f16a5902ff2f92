"""`emdiff estimate STACK...`: how noisy images are, and which pixels of the camera are bad."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emdiff_app.errors import EMDiffError, PhysicsError

from . import _output

if TYPE_CHECKING:
    from emdiff_app.images import Stack
    from emdiff_app.physics import BadPixels, NoiseEstimate


def command(
    stacks: Annotated[list[str], typer.Argument(metavar="STACK...", help="Files, folders or patterns.")],
    offset: Annotated[float | None, typer.Option(help="The camera's offset, where you know it.")] = None,
    per_image: Annotated[
        bool | None,
        typer.Option(
            "--per-image/--together", help="Measure every image alone, or all as one; found out by default."
        ),
    ] = None,
    repeats: Annotated[
        bool | None,
        typer.Option(
            "--repeats/--no-repeats", help="The planes show one unmoving scene; found out by default."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the imaging model here, for --model.")] = None,
    mask_out: Annotated[Path | None, typer.Option(help="Write dead and hot pixels here, 255 each.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    axes: Annotated[str | None, typer.Option(help="What the axes are, for example ZYX.")] = None,
    channel: Annotated[str | None, typer.Option(help="One channel, by number (from 0) or name.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure the noise of images: gain, read noise and offset, photons per pixel, bad pixels."""
    from emdiff_app.images import open_stack
    from emdiff_app.images.atomic import ensure_free

    for target in filter(None, (out, mask_out)):
        ensure_free(target, overwrite=overwrite, error=PhysicsError)
    options = {"offset": offset, "per_image": per_image, "repeats": repeats}
    results: list[dict[str, Any]] = []
    found: list[tuple[NoiseEstimate, BadPixels]] = []
    failed = []
    for path in stacks:
        try:
            with open_stack(path, axes=axes, channel=channel) as stack:
                for one in _channels(stack):
                    found.append(_measured(one, options))
                    results.append(_result(path, one, *found[-1]))
                    if not as_json:
                        typer.echo(_lines(results[-1]))
        except EMDiffError as error:
            failed.append(" ".join(str(error).split()))
            results.append({"path": path, "error": failed[-1]})
            _output.say(f"emdiff: {failed[-1]}")
    written = _write(found, out, mask_out, overwrite) if found else {}
    if as_json:
        _output.emit({"stacks": results, **written} | ({"error": " ".join(failed)} if failed else {}))
    if failed:
        raise typer.Exit(2)


def _channels(stack: "Stack") -> "list[Stack]":
    """Channels come from different cameras or filters, and are measured apart."""
    count = stack.sizes.get("C", 1)
    if count == 1:
        return [stack]
    names = stack.channels or [str(i) for i in range(count)]
    return [stack.channel(i).with_(name=f"{stack.name}, channel {names[i]}") for i in range(count)]


def _measured(stack: "Stack", options: dict[str, Any]) -> "tuple[NoiseEstimate, BadPixels]":
    from emdiff_app.physics import estimate_noise, find_bad_pixels

    noise = estimate_noise(stack, **options)
    return noise, find_bad_pixels(stack, noise)


def _result(path: str, stack: "Stack", noise: "NoiseEstimate", bad: "BadPixels") -> dict[str, Any]:
    return {
        "path": path,
        "name": stack.name,
        **_figures(noise),
        "from_repeats": noise.from_repeats,
        "points": [p.model_dump() for p in noise.points],
        "images": [{"index": part.index, **_figures(part)} for part in noise.parts],
        "bad_pixels": {**bad.counts, "ceiling": bad.ceiling, "saturated_share": bad.saturated_share},
        "model": noise.imaging_model(),
        "caveats": [*stack.warnings, *noise.caveats, *filter(None, [bad.caveat])],
    }


def _figures(noise: "NoiseEstimate") -> dict[str, Any]:
    return {
        "noise": noise.model.model_dump(),
        "in_words": noise.model.in_words,
        "gain_error": noise.gain_error,
        "median_level": noise.median_level,
        "sd_at_median": noise.variance_at_median**0.5,
        "variance_error": noise.variance_error,
        "photons_at_median": noise.photons_at_median,
    }


def _lines(result: dict[str, Any]) -> str:
    rows = [("noise", _noise(result)), ("there", _there(result))]
    for image in result["images"]:
        rows.append((f"image {' '.join(map(str, image['index']))}", f"{_noise(image)}; {_there(image)}"))
    bad = result["bad_pixels"]
    rows.append(("bad pixels", f"{bad['dead']} dead, {bad['hot']} hot, {_saturated(bad)}"))
    rows += [("note", caveat) for caveat in result["caveats"]]
    return "\n".join([result["name"] or result["path"], *(f"  {name:<11} {text}" for name, text in rows)])


def _noise(figures: dict[str, Any]) -> str:
    error = figures["gain_error"]
    words: str = figures["in_words"]
    return words if error is None else f"{words} (gain +- {100 * error:.1f} %)"


def _there(figures: dict[str, Any]) -> str:
    text = f"at the median of {figures['median_level']:.4g}: sd {figures['sd_at_median']:.3g}"
    photons = figures["photons_at_median"]
    return text if photons is None else f"{text}, {photons:.3g} photons per pixel"


def _saturated(bad: dict[str, Any]) -> str:
    if bad["ceiling"] is None:
        return "none saturated"
    return f"{bad['saturated']} saturated (at {bad['ceiling']:g}, {100 * bad['saturated_share']:.2g} % of those seen)"


def _write(
    found: "list[tuple[NoiseEstimate, BadPixels]]", out: Path | None, mask_out: Path | None, overwrite: bool
) -> dict[str, str]:
    """The model of the middle stack, and the mask of the only one."""
    from emdiff_app.images import save_stack, stack_from_array
    from emdiff_app.images.atomic import write_bytes

    written = {}
    middle, bad = sorted(found, key=lambda pair: pair[0].variance_at_median)[len(found) // 2]
    model = middle.imaging_model()
    if mask_out is not None:
        if len(found) > 1:
            raise PhysicsError(
                "--mask-out is for one camera, and there are several stacks or channels; nothing was written. "
                "Give one stack, and one channel with --channel."
            )
        save_stack(stack_from_array(bad.mask.astype("uint8") * 255, "YX"), mask_out, overwrite=overwrite)
        written["mask_out"] = str(mask_out)
    if out is not None:
        if mask_out is not None and bad.mask.any():
            place = Path(os.path.relpath(mask_out, out.parent)).as_posix()
            model["operator"] = [{"kind": "mask", "pattern": "image", "path": place, "invert": True}]
        text = json.dumps(model, indent=2) + "\n"
        write_bytes(out, text.encode(), overwrite=overwrite, error=PhysicsError)
        written["out"] = str(out)
        if len(found) > 1:
            _output.say(
                f"{out} holds the noise of {middle.name}, the middle one of {len(found)} measurements."
            )
    return written
