"""`emdiff restore STACK... --prior P.emprior --out DIR`."""

from pathlib import Path
from typing import Annotated

import typer

from emdiff_app.system import command_line

from ._options import Axes, Channel, Device, NoisePerImage, PixelSize


def command(
    context: typer.Context,
    stacks: Annotated[
        list[str], typer.Argument(help="The images to restore: files, patterns such as cells_*.tif, folders.")
    ],
    out: Annotated[Path, typer.Option(help="The folder for the results.")],
    prior: Annotated[Path | None, typer.Option(help="The prior file.")] = None,
    model: Annotated[Path | None, typer.Option(help="The imaging model; the prior's own by default.")] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1000,
            help="How many samples to average; by default the clean estimate in the quickest way.",
        ),
    ] = None,
    write: Annotated[
        str, typer.Option(help="The results: mean, spread, sample, samples, prior-alone.")
    ] = "mean,spread",
    method: Annotated[
        str, typer.Option(help="prior, or a method that needs none, such as richardson-lucy.")
    ] = "prior",
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of that method, such as iterations=20.")
    ] = None,
    sampler: Annotated[str, typer.Option(help="How to sample; auto picks.")] = "auto",
    steps: Annotated[
        int | None, typer.Option(min=1, help="Steps of the sampler; its own by default.")
    ] = None,
    turns: Annotated[
        bool, typer.Option("--turns", help="Average the estimate over flips and turns; eight times slower.")
    ] = False,
    intensities: Annotated[
        str, typer.Option(help="Grey levels as the prior knows them (prior), or matched to it (image).")
    ] = "prior",
    noise_per_image: NoisePerImage = "auto",
    check: Annotated[
        bool,
        typer.Option(
            "--check/--no-check",
            help="Give a verdict: some crops are restored and looked at first. Takes seconds to a minute.",
        ),
    ] = True,
    report: Annotated[
        bool, typer.Option("--report", help="Write a report of each, one HTML page beside the results.")
    ] = False,
    dtype: Annotated[str, typer.Option(help="float32, or same as the input.")] = "float32",
    form: Annotated[
        str, typer.Option("--format", help="ome-tiff or zarr; that of the input by default.")
    ] = "",
    compression: Annotated[str, typer.Option(help="none, zlib or zstd.")] = "none",
    memory: Annotated[
        float | None, typer.Option(min=0.05, help="GB for images and tiles; by default most of what is free.")
    ] = None,
    tile: Annotated[
        int | None, typer.Option(min=16, help="The side of a tile in pixels; by default by memory.")
    ] = None,
    device: Device = "auto",
    axes: Axes = None,
    pixel_size: PixelSize = None,
    channel: Channel = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same result.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that exist.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Restore images with a learned prior, and say whether to believe it."""
    from emdiff_app.restoring import find_sources, make_folder, restore_each

    from ._changed import changed_options, words_of
    from ._restored import Summary
    from ._restoring import Choices, restorer

    changed = changed_options(context)
    again = {name: values for name, values in changed.items() if name not in ("--json", "--overwrite")}
    choices = Choices(
        out=out,
        write=write,
        samples=samples,
        sampler=sampler,
        steps=steps,
        turns=turns,
        intensities=intensities,
        dtype=dtype,
        form=form,
        compression=compression,
        memory_gb=memory,
        tile=tile,
        device=device,
        overrides={"axes": axes, "pixel_size": pixel_size, "channel": channel},
        seed=seed,
        overwrite=overwrite,
        noise_per_image=noise_per_image,
        check=check,
        report=report,
        command=command_line("emdiff", "restore", *stacks, *words_of(again)),
        changed=frozenset(changed),
    )
    restore = restorer(choices, prior, model, method, setting or [])
    sources = find_sources(stacks)
    make_folder(out)
    summary = Summary(len(sources))
    for outcome in restore_each(sources, restore):
        summary.add(outcome)
    code = summary.end(as_json)
    if code:
        raise typer.Exit(code)
