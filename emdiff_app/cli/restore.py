"""`emdiff restore STACK... --prior P.emprior --out DIR`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from emdiff_app.errors import EMDiffError


def command(
    stacks: Annotated[list[Path], typer.Argument(help="The images to restore.")],
    prior: Annotated[Path, typer.Option(help="The prior file.")],
    out: Annotated[Path, typer.Option(help="The folder for the results.")],
    model: Annotated[Path | None, typer.Option(help="The imaging model; the prior's own by default.")] = None,
    samples: Annotated[int, typer.Option(min=1, max=1000, help="How many samples to average.")] = 4,
    sampler: Annotated[str, typer.Option(help="How to sample; auto picks.")] = "auto",
    dtype: Annotated[str, typer.Option(help="float32, or same as the input.")] = "float32",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    axes: Annotated[str | None, typer.Option(help="The axes, such as ZYX.")] = None,
    pixel_size: Annotated[float | None, typer.Option(help="The pixel size in um.")] = None,
    channel: Annotated[int | None, typer.Option(help="The channel, from 0.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same result.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that exist.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Restore images with a learned prior."""
    from ._output import emit, say

    done: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    options = {"samples": samples, "sampler": sampler, "device": device, "seed": seed}
    overrides = {"axes": axes, "pixel_size": pixel_size, "channel": channel}
    for path in stacks:
        try:
            done.append(_restore(path, prior, out, model, options, overrides, dtype, overwrite))
        except EMDiffError as error:
            say(f"{path.name}: {error}")
            failed.append({"stack": str(path), "error": str(error)})
    if as_json:
        emit({"restored": done, "failed": failed})
    if failed:
        if not as_json:
            say(f"{len(done)} restored, {len(failed)} not; the sentences above say why.")
        raise SystemExit(2)


def _restore(
    path: Path,
    prior: Path,
    out: Path,
    model: Path | None,
    options: dict[str, Any],
    overrides: dict[str, Any],
    dtype: str,
    overwrite: bool,
) -> dict[str, Any]:
    from emdiff_app.images import open_stack, save_stack
    from emdiff_app.images.atomic import ensure_free
    from emdiff_app.physics import ImagingModel
    from emdiff_app.restoring import RestoreProgress, restore

    from ._output import say

    chosen = None if model is None else ImagingModel.read(model)
    out.mkdir(parents=True, exist_ok=True)
    stem = path.stem.removesuffix(".ome")
    files = {word: out / f"{stem}-{word}.ome.tif" for word in ("restored", "uncertainty")}
    for file in files.values():
        ensure_free(file, overwrite=overwrite)  # say so before an hour of work

    def told(progress: RestoreProgress) -> None:
        if progress.step == 0 or progress.step == progress.steps:
            say(f"{path.name}: {100 * progress.fraction:.0f} %")

    with open_stack(path, **overrides) as stack:
        result = restore(stack, prior, chosen, on_progress=told, **options)
        written = {"restored": result.mean, "uncertainty": result.spread}
        provenance = {"prior": prior.name, **{k: str(v) for k, v in options.items()}}
        for word, stack_out in written.items():
            if stack_out is not None:
                save_stack(
                    stack_out,
                    files[word],
                    dtype=_dtype(dtype, stack),
                    overwrite=overwrite,
                    provenance=provenance,
                )
    for sentence in result.sentences:
        say(f"{path.name}: {sentence}")
    kept = {word: str(files[word]) for word, made in written.items() if made is not None}
    return {"stack": str(path), "chi2": result.chi2, **kept}


def _dtype(word: str, stack: Any) -> str:
    if word not in ("float32", "same"):
        raise EMDiffError(f"--dtype must be float32 or same, not {word!r}; nothing was restored.")
    return str(stack.dtype) if word == "same" else word
