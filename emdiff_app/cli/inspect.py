"""`emdiff inspect STACK...`: what is in an image file, and what to know before using it."""

import math
from typing import Annotated, Any

import typer

from emdiff_app.errors import EMDiffError

from . import _output


def command(
    stacks: Annotated[list[str], typer.Argument(metavar="STACK...", help="Files, folders or patterns.")],
    axes: Annotated[str | None, typer.Option(help="What the axes are, for example ZYX.")] = None,
    pixel_size: Annotated[float | None, typer.Option(help="Pixel size in um, along Y and X.")] = None,
    channel: Annotated[str | None, typer.Option(help="One channel, by number (from 0) or name.")] = None,
    series: Annotated[int | None, typer.Option(help="Which image of a TIFF that holds several.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show shape, axes, pixel size, channels, value range and warnings of image files."""
    results, failed = [], []
    for stack in stacks:
        try:
            results.append(_inspected(stack, axes, pixel_size, channel, series))
        except EMDiffError as error:
            sentence = " ".join(str(error).split())
            failed.append(sentence)
            results.append({"path": stack, "error": sentence})
            _output.say(f"emdiff: {sentence}")
            continue
        if not as_json:
            typer.echo(_lines(results[-1]))
    if as_json:
        _output.emit({"stacks": results} | ({"error": " ".join(failed)} if failed else {}))
    if failed:
        raise typer.Exit(2)


def _inspected(
    path: str, axes: str | None, pixel_size: float | None, channel: str | None, series: int | None
) -> dict[str, Any]:
    from emdiff_app.images import check_content, open_stack

    with open_stack(path, axes=axes, pixel_size=pixel_size, channel=channel, series=series) as stack:
        content = check_content(stack)
        return {
            "path": path,
            "format": stack.format,
            "axes": stack.axes,
            "shape": stack.shape,
            "dtype": stack.dtype.name,
            "significant_bits": stack.significant_bits,
            "pixel_size": {
                a: {"value": stack.pixel_size[a].value, "unit": stack.pixel_size[a].unit}
                for a in stack.axes
                if a in stack.pixel_size
            },
            "channels": stack.channels,
            "compression": stack.compression,
            "minimum": content.minimum,
            "maximum": content.maximum,
            "range_of": "all pixels" if content.whole else f"{content.planes} planes",
            "bytes": stack.nbytes,
            "bytes_as_float32": 4 * math.prod(stack.shape),
            "warnings": [*stack.warnings, *content.warnings],
        }


def _lines(result: dict[str, Any]) -> str:
    sizes = "  ".join(f"{axis} {n}" for axis, n in zip(result["axes"], result["shape"], strict=True))
    bits = f" ({result['significant_bits']} bits used)" if result["significant_bits"] else ""
    steps = ", ".join(f"{axis} {s['value']:g} {s['unit']}" for axis, s in result["pixel_size"].items())
    values = "none" if result["minimum"] is None else f"{result['minimum']:g} to {result['maximum']:g}"
    rows = [
        ("axes", sizes),
        ("pixels", f"{result['dtype']}{bits}, {values} (in {result['range_of']})"),
        ("pixel size", steps or "not in the file"),
        ("channels", ", ".join(result["channels"])),
        ("format", ", ".join(filter(None, [result["format"], result["compression"]]))),
        ("memory", f"{_size(result['bytes'])}; as float32 {_size(result['bytes_as_float32'])}"),
        *(("warning", warning) for warning in result["warnings"]),
    ]
    return "\n".join([result["path"], *(f"  {name:<11} {text}" for name, text in rows if text)])


def _size(count: int) -> str:
    value, unit = float(count), "bytes"
    for bigger in ("KB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, bigger
    return f"{value:.3g} {unit}"
