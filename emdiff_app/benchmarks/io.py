"""`emdiff bench io`: huge files open at once, planes come quickly, and conversions stay small.

Every figure stands beside that of tifffile or zarr alone on the same file in the same run.
`emdiff bench io quick` does it with smaller files.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from emdiff_app.images import Stack, stack_from_array
from emdiff_app.images.stack import PixelSize

from ._common.report import Report

__all__ = ["make_sparse_tiff", "make_sparse_zarr", "probe", "run"]

SIDE = 2048
_PLANE = SIDE * SIDE * 2
_REAL_PLANES = 24
_ROUNDS = 9

# What is promised: seconds, bytes, and how much longer than the library alone a plane may take.
OPEN_SECONDS, OPEN_BYTES = 1.0, 300e6
READ_SECONDS, READ_RATIO = 0.100, 1.1
CONVERT_BYTES = 500e6


def run(report: Report) -> None:
    quick = "quick" in report.arguments
    huge, moderate = (2e9, 0.25e9) if quick else (20e9, 2e9)
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory(prefix="emdiff-bench-io-") as name:
        scratch = Path(name)
        for kind, make in (("BigTIFF", make_sparse_tiff), ("OME-Zarr", make_sparse_zarr)):
            path = scratch / ("huge.ome.tif" if kind == "BigTIFF" else "huge.zarr")
            real = make(path, round(huge / _PLANE))
            rows += _huge_file(f"{huge / 1e9:g} GB {kind}", path, real)
        source = scratch / "source.ome.tif"
        make_sparse_tiff(source, round(moderate / _PLANE))
        for ending in (".ome.tif", ".zarr"):
            rows += _conversion(f"{moderate / 1e9:g} GB to {ending}", source, scratch, ending)
    report.text(
        f"Files of {SIDE} x {SIDE} planes of uint16, sparse: {_REAL_PLANES} planes hold noise, the rest is holes, "
        "so the disk is no part of it. Every task runs in a fresh process; plain is tifffile or zarr alone. "
        "Opening includes loading the libraries. Planes are read in turn by both from the same file in the "
        "cache; the quickest of nine reads of each counts. Conversion writes every byte; memory is the largest "
        "resident set. EMDiff also waits until the file is on the disk, and a .zarr of its own has levels of lower "
        "resolution."
    )
    report.table(["what", "EMDiff", "plain", "ratio", "target", "met"], rows)


def probe(task: str, *arguments: Any) -> dict[str, float]:
    """Run one task of the probe in a process of its own."""
    words = [sys.executable, "-m", "emdiff_app.benchmarks._processes.io_probe", task, json.dumps(arguments)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{task} failed: {done.stderr.strip()[-2000:]}")
    result: dict[str, float] = json.loads(done.stdout)
    return result


def make_sparse_tiff(path: Path, planes: int) -> list[int]:
    """An OME-BigTIFF with a directory for every page and holes for most pixels; which planes are real."""
    import tifffile

    with tifffile.TiffWriter(path, bigtiff=True, ome=True) as writer:
        writer.write(None, shape=(planes, SIDE, SIDE), dtype="uint16", metadata={"axes": "ZYX"})
    with tifffile.TiffFile(path) as file:
        offsets = [page.dataoffsets[0] for page in file.series[0].pages]
    real = _real_planes(planes)
    with path.open("r+b") as handle:
        for number in real:
            handle.seek(offsets[number])
            handle.write(_noise(number).tobytes())
    return real


def make_sparse_zarr(path: Path, planes: int) -> list[int]:
    """An OME-Zarr whose metadata promise `planes` planes and which has chunks for a few."""
    import zarr

    from emdiff_app.images import save_stack

    sizes = {axis: PixelSize(0.1) for axis in "ZYX"}
    one: Stack = stack_from_array(np.zeros((1, 64, 64), np.uint16), "ZYX", pixel_size=sizes)
    save_stack(one, path)
    group = zarr.open_group(path, mode="r+")
    array = group.create_array(
        "0",
        shape=(planes, SIDE, SIDE),
        chunks=(1, 1024, 1024),
        dtype="uint16",
        compressors=None,
        overwrite=True,
    )
    real = _real_planes(planes)
    for number in real:
        array[number] = _noise(number)
    return real


def _huge_file(what: str, path: Path, real: list[int]) -> list[list[object]]:
    ours, plain = ([probe(task, str(path)) for _ in range(3)] for task in ("open_ours", "open_plain"))
    seconds, plain_seconds = (median(r["seconds"] for r in runs) for runs in (ours, plain))
    resident, plain_resident = (max(r["resident"] for r in runs) for runs in (ours, plain))
    reading = probe("read", str(path), real, _ROUNDS)
    quick = reading["ours"] < READ_SECONDS and reading["ours"] <= READ_RATIO * reading["plain"]
    return [
        _row(f"{what}: open, s", seconds, plain_seconds, f"< {OPEN_SECONDS:g} s", seconds < OPEN_SECONDS),
        _row(
            f"{what}: memory once open, MB",
            resident / 1e6,
            plain_resident / 1e6,
            f"< {OPEN_BYTES / 1e6:g} MB",
            resident < OPEN_BYTES,
        ),
        _row(
            f"{what}: a plane, ms",
            reading["ours"] * 1e3,
            reading["plain"] * 1e3,
            f"< {READ_SECONDS * 1e3:g} ms, ratio <= {READ_RATIO}",
            quick,
        ),
    ]


def _conversion(what: str, source: Path, scratch: Path, ending: str) -> list[list[object]]:
    results = []
    for task in ("convert_ours", "convert_plain"):
        # The folder is emptied in between, so that both find the same disk.
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            results.append(probe(task, str(source), str(Path(folder) / f"out{ending}")))
    ours, plain = results
    return [
        _row(
            f"{what}: peak memory, MB",
            ours["peak"] / 1e6,
            plain["peak"] / 1e6,
            f"< {CONVERT_BYTES / 1e6:g} MB",
            ours["peak"] < CONVERT_BYTES,
        ),
        _row(f"{what}: time, s", ours["seconds"], plain["seconds"], "", None),
    ]


def _row(what: str, ours: float, plain: float, target: str, met: bool | None) -> list[object]:
    return [what, ours, plain, ours / plain, target, {True: "yes", False: "NO", None: ""}[met]]


def _real_planes(planes: int) -> list[int]:
    """A few planes spread over the file, in no order."""
    rng = np.random.default_rng(0)
    chosen: list[int] = rng.choice(planes, min(planes, _REAL_PLANES), replace=False).tolist()
    return chosen


def _noise(number: int) -> np.ndarray[Any, np.dtype[np.uint16]]:
    return np.random.default_rng(number).integers(0, 4096, (SIDE, SIDE), dtype=np.uint16)
