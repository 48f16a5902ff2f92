"""`emdiff score RESULT TRUTH`: how close restored images come to the truth."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emdiff_app.errors import EMDiffError, StackError

from . import _output

if TYPE_CHECKING:
    from emdiff_app.images import Stack

MEASURES = ("psnr", "ssim", "nrmse")


def command(
    result: Annotated[str, typer.Argument(help="The restored images: a file, a folder or a pattern.")],
    truth: Annotated[str, typer.Argument(help="The true images, as many and as large.")],
    affine: Annotated[
        bool, typer.Option("--affine", help="Fit gain and offset of each image to its truth first.")
    ] = False,
    data_range: Annotated[
        float | None, typer.Option(help="Range of the data; by default that of each truth stack.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Score images against the truth: PSNR, SSIM and NRMSE of each one, and the mean."""
    rows = []
    for own, true in _matched(result, truth):
        rows += _scores(own, true, affine, data_range)
    mean = {m: sum(row[m] for row in rows) / len(rows) for m in MEASURES}
    if as_json:
        _output.emit({"images": rows, "mean": mean, "affine": affine, "data_range": data_range})
        return
    width = max(len(row["image"]) for row in [*rows, {"image": "mean"}])
    typer.echo(f"{'image':<{width}}   PSNR/dB    SSIM   NRMSE")
    for row in [*rows, {"image": "mean", **mean}]:
        typer.echo(f"{row['image']:<{width}}  {row['psnr']:8.2f}  {row['ssim']:6.4f}  {row['nrmse']:6.4f}")


def _matched(result: str, truth: str) -> Iterator[tuple["Stack", "Stack"]]:
    """Stacks to compare plane by plane; folders and patterns of files are matched file by file."""
    from emdiff_app.images import open_stack

    own, true = _files(result), _files(truth)
    pairs: list[tuple[str | Path, str | Path]] = [(result, truth)]
    if own and true:
        if len(own) != len(true):
            raise StackError(
                f"{result} holds {len(own)} images and {truth} {len(true)}, so they cannot be matched; nothing was "
                "scored. Choose folders or patterns with one truth for each result."
            )
        by_name = {path.name: path for path in true}
        if all(path.name in by_name for path in own):
            true = [by_name[path.name] for path in own]
        pairs = list(zip(own, true, strict=True))
    for a, b in pairs:
        with open_stack(a) as first, open_stack(b) as second:
            yield first, second


def _files(path: str) -> list[Path]:
    """The image files of a folder or pattern in natural order; none for a single file or a Zarr."""
    from emdiff_app.images.folders import image_files

    where = Path(path)
    if where.is_file() or (where.is_dir() and any((where / n).exists() for n in (".zattrs", "zarr.json"))):
        return []
    if not where.is_dir() and not set(where.name) & set("*?[]"):
        return []  # a missing file: opening it says so
    return image_files(path)


def _scores(own: "Stack", true: "Stack", affine: bool, data_range: float | None) -> list[dict[str, Any]]:
    from emdiff_app.images.score import fit_affine, nrmse, psnr, ssim

    indices = list(zip(own.plane_indices(), true.plane_indices(), strict=False))
    count = math.prod(own.shape[: len(own.outer_axes)])
    if own.plane_shape != true.plane_shape or count != math.prod(true.shape[: len(true.outer_axes)]):
        sizes = [" ".join(f"{a}{n}" for a, n in stack.sizes.items()) for stack in (own, true)]
        raise StackError(
            f"{own.name} ({sizes[0]}) and {true.name} ({sizes[1]}) differ in size, so they cannot be compared; "
            "choose the truth of the same field, at the same magnification."
        )
    reach = data_range
    if reach is None:
        ends = [(float(p.min()), float(p.max())) for p in map(true.plane, true.plane_indices())]
        reach = max(high for _, high in ends) - min(low for low, _ in ends)
    rows = []
    for index, other in indices:
        name = " ".join([own.name, *(f"{a}{i}" for a, i in zip(own.outer_axes, index, strict=True))])
        a, b = own.plane(index), true.plane(other)
        try:
            a = fit_affine(a, b) if affine else a
            values = {"psnr": psnr(a, b, data_range=reach), "ssim": ssim(a, b, data_range=reach)}
            rows.append({"image": name, **values, "nrmse": nrmse(a, b), "data_range": reach})
        except EMDiffError as error:
            raise StackError(f"{name}: {error}") from None
    return rows
