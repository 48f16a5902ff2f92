"""`emdiff demo`: the whole path on the example that ships with the program, measured against its truth."""

from pathlib import Path
from typing import Annotated, Any

import typer

NAMES = {
    "recorded": "Recorded",
    "blur": "Gaussian blur, best width",
    "wiener": "Wiener filter, true spectrum",
    "rl": "Richardson-Lucy, best stop",
    "sample": "EMDiff, one sample",
    "restored": "EMDiff, mean of samples",
}


def command(
    out: Annotated[Path, typer.Option(help="The folder for the run and the results.")] = Path("emdiff-demo"),
    time_limit: Annotated[float | None, typer.Option(help="Stop learning after so many minutes.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same run.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an older demo there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Learn on the example stack, restore it, and compare with the truth (a few minutes on two cores)."""
    from ._demo import run_demo
    from ._output import emit, say

    result = run_demo(out, time_limit=time_limit, seed=seed, overwrite=overwrite, say=say)
    if as_json:
        emit(result)
        return
    typer.echo(f"{'':32s}{'PSNR':>8s}{'SSIM':>8s}")
    for key, name in NAMES.items():
        score: dict[str, Any] = result["scores"][key]
        typer.echo(f"{name:32s}{score['psnr']:8.2f}{score['ssim']:8.3f}")
    gain = result["scores"]["restored"]["psnr"] - result["scores"]["recorded"]["psnr"]
    typer.echo(f"\nVerdict: {result['headline']}")
    typer.echo(
        f"{gain:+.1f} dB from the recorded image to the restored one. Look at {result['picture']} and at"
    )
    typer.echo(f"{result['report']}; the prior is {result['prior']}, and the images lie beside them.")
