"""`emdiff bench restore`: seconds and peak memory of each way to restore, beside what users use instead.

A plane of 2048 x 2048 and a stack of 60 planes of 512 x 512, every row in a process of its own; then the first two
percent of an OME-Zarr of 20 GB, streamed with 1.2 GB for images and tiles. `emdiff bench restore quick` takes small
images and no rivals that have to be installed; CAREamics gets an environment of its own. The words `plane`, `stack` and
`stream` choose parts of it. Rows are kept, so that it may be interrupted; `again` measures all of them anew.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from emdiff_app.errors import EMDiffError

from ._common.kept import digest, kept_or_again, program
from ._common.report import Report
from ._processes.noise2void import _environment as noise2void_environment
from ._processes.restore_probe import Task, images
from .io import make_sparse_zarr

__all__ = ["run"]

GB = 1e9
STREAM_BYTES = 2 * GB
FLAT = 0.1
SHARE = 0.02
"""The part of the huge file that is restored."""
SIZE = "small"
RIVALS = ("careamics", "bm3d")
PART = 6
"""Ways that take long for each plane are measured on so many planes of a stack."""
SLOW = ("sample", "average", "samples", "deblurred", "deblurred average", "bm3d")
WAYS = {
    "one look": "EMDiff, clean estimate of a noisy image (one evaluation), and its spread",
    "check": "EMDiff, the verdict that goes with it",
    "sample": "EMDiff, one sample of a noisy image (12 evaluations)",
    "average": "EMDiff, average of 8 samples of a noisy image, and their spread",
    "samples": "EMDiff, 4 samples of a noisy image, all kept",
    "deblurred": "EMDiff, one sample of a blurred image (16 evaluations)",
    "deblurred average": "EMDiff, clean estimate of a blurred image (8 samples), and its spread",
    "richardson-lucy": "Richardson-Lucy (scikit-image), 20 iterations",
    "bm3d": "BM3D (its authors' library)",
    "careamics": "CAREamics, tiled prediction by a network of as many weights",
}


def run(report: Report) -> None:
    quick = "quick" in report.arguments
    shapes = {"plane": (1, 192, 192), "stack": (3, 96, 96)}
    if not quick:
        shapes = {"plane": (1, 2048, 2048), "stack": (60, 512, 512)}
    wanted = {"plane", "stack", "stream"} & set(report.arguments) or {"plane", "stack", "stream"}
    ways = [way for way in WAYS if not (quick and way in RIVALS)]
    report.text(
        "Every row runs in a process of its own and restores the same synthetic images. Seconds are those of the "
        "restoration; memory is the largest resident set, libraries and images included. The network is "
        f"{'tiny' if quick else SIZE} and untrained, which takes as long as a trained one. Samples are drawn with the "
        f"default sampler and steps. Of a stack, rows with samples, and BM3D, are measured on its first {PART} planes "
        "and their seconds multiplied: planes are restored one by one."
    )
    for name, shape in shapes.items():
        if name in wanted:
            _compare(
                report, shape, ways, "tiny" if quick else SIZE, again=quick or "again" in report.arguments
            )
    if "stream" in wanted:
        _stream(report, 200 if quick else round(20 * GB / (2048 * 2048 * 2)), 3 if quick else None)


def _compare(report: Report, shape: tuple[int, ...], ways: list[str], size: str, *, again: bool) -> None:
    found: dict[str, dict[str, Any]] = {}
    for way in ways:
        task = Task(way, shape, size)
        try:
            found[way] = _row(task, found, again=again)
        except (EMDiffError, RuntimeError) as error:
            report.text(f"{WAYS[way]} could not be measured: {error}")
    report.text(f"## {' x '.join(str(n) for n in shape if n > 1)}")
    report.table(
        ["", "seconds", "Mpixel/s", "peak memory, MB"],
        [
            [
                WAYS[way],
                f["seconds"],
                shape[0] * shape[1] * shape[2] / f["seconds"] / 1e6,
                f["peak"] / 1e6,
            ]
            for way, f in found.items()
        ],
    )
    if "careamics" in found:
        ratio = found["careamics"]["seconds"] / found["one look"]["seconds"]
        weights = found["one look"]["weights"], found["careamics"]["weights"]
        report.text(
            f"One clean estimate beside CAREamics' tiled prediction ({weights[0]:.0f} and {weights[1]:.0f} weights): "
            f"{ratio:.2f} times as fast; target at least 1: {'met' if ratio >= 1 else 'NOT met'}."
        )


def _row(task: Task, before: dict[str, dict[str, Any]], *, again: bool) -> dict[str, Any]:
    """Measured now, or by the same program before."""
    import torch

    def compute() -> dict[str, Any]:
        return _careamics(task, before) if task.way == "careamics" else _measured(task)

    source = program("images", "physics", "diffusion", "posterior", "restoring", "baselines")
    content = digest(asdict(task), torch.get_num_threads(), source)
    row = kept_or_again("restore", content, compute, wanted=True, again=again)
    assert row is not None
    return row


def _measured(task: Task) -> dict[str, Any]:
    """One row; a slow one by a part of the planes."""
    planes = min(task.shape[0], PART) if task.way in SLOW else task.shape[0]
    found = probe(replace(task, shape=(planes, *task.shape[1:])))
    return {**found, "seconds": found["seconds"] * task.shape[0] / planes}


def _stream(report: Report, planes: int, most: int | None) -> None:
    """Restore the beginning of a huge sparse file, and watch the memory from plane to plane."""
    with tempfile.TemporaryDirectory(prefix="emdiff-bench-restore-") as name:
        path = Path(name) / "huge.zarr"
        make_sparse_zarr(path, planes)
        count = most or max(round(SHARE * planes), 4)
        found = probe(Task("stream", (count, 2048, 2048), "tiny", str(path)))
    resident = found["resident"]
    grown = (max(resident[len(resident) // 2 :]) - max(resident[: len(resident) // 2])) / max(resident)
    met = found["peak"] < STREAM_BYTES and grown < FLAT
    report.text("## A huge OME-Zarr, streamed")
    report.table(
        [
            "file, GB",
            "planes restored",
            "seconds",
            "peak memory, GB",
            "growth in the second half",
            "target",
            "met",
        ],
        [
            [
                planes * 2048 * 2048 * 2 / GB,
                len(resident),
                found["seconds"],
                found["peak"] / GB,
                f"{100 * grown:.1f} %",
                f"< {STREAM_BYTES / GB:g} GB, < {100 * FLAT:g} %",
                "yes" if met else "NO",
            ]
        ],
    )


def probe(task: Task) -> dict[str, Any]:
    """Run one task in a process of its own."""
    return _answer(
        task.way,
        [sys.executable, "-m", "emdiff_app.benchmarks._processes.restore_probe", json.dumps(asdict(task))],
    )


def _careamics(task: Task, found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """CAREamics in an environment of its own, with as many threads and nearly as many weights as ours."""
    import torch

    script = Path(__file__).parent / "_processes" / "careamics_script.py"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "images.npy"
        np.save(file, images(task))
        words = [file, found["one look"]["weights"], torch.get_num_threads()]
        return _answer("CAREamics", [noise2void_environment(), script, *words], cwd=folder)


def _answer(name: str, words: Sequence[object], **options: Any) -> dict[str, Any]:
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise RuntimeError(f"{name} failed: {done.stderr.strip()[-500:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result
