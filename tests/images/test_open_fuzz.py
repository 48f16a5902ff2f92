"""Damaged files give an image or one clear sentence: never another exception, a crash, or memory without end."""

import multiprocessing
import resource
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile

from emdiff_app.errors import StackError
from emdiff_app.images import check_content, open_stack

CASES = 2000
SEED = 20
MOST_SECONDS = 10.0
MOST_MEMORY = 600 << 20
LARGEST_REAL = 12_000


def seeds(folder: Path, real: Path | None) -> list[Path]:
    """Small healthy files of every kind: our own, and real ones where they are."""
    rng = np.random.default_rng(SEED)
    stack = rng.integers(0, 4096, (2, 3, 2, 24, 20)).astype(np.uint16)
    rgb = rng.integers(0, 256, (40, 36, 3)).astype(np.uint8)
    gray = rgb[..., 0]
    smooth = np.add.outer(np.arange(40), np.arange(36)).astype(np.uint8)
    table = rng.integers(0, 65535, (3, 256)).astype(np.uint16)
    plain = {
        "imagej": (stack, {"imagej": True, "metadata": {"axes": "TZCYX", "unit": "um", "spacing": 0.3}}),
        "ome": (
            stack,
            {
                "ome": True,
                "metadata": {"axes": "TZCYX", "PhysicalSizeX": 0.1, "Channel": {"Name": ["a", "b"]}},
            },
        ),
        "shaped": (stack, {}),
        "bigtiff": (stack[0, 0], {"bigtiff": True, "tile": (16, 16)}),
        "bigendian": (stack[0, 0].astype(np.float32), {"byteorder": ">", "metadata": None}),
        "lzw": (rgb, {"compression": "lzw", "predictor": True, "rowsperstrip": 7}),
        "deflate": (stack[0], {"compression": "zlib", "tile": (16, 16), "predictor": True}),
        "packbits": (smooth, {"compression": "packbits", "rowsperstrip": 5}),
        "zstd": (stack[0, 0], {"compression": "zstd"}),
        "jpeg": (rgb, {"compression": "jpeg", "photometric": "rgb", "tile": (16, 16)}),
        "palette": (gray, {"photometric": "palette", "colormap": table}),
        "planar": (np.moveaxis(rgb, -1, 0), {"photometric": "rgb", "planarconfig": "separate"}),
        "half": (smooth.astype(np.float16), {"predictor": False}),
        "onebit": (smooth > 30, {}),
        "pages": (stack[0, :, 0], {"metadata": None, "contiguous": False}),
    }
    files = []
    for name, (pixels, options) in plain.items():
        contiguous = options.pop("contiguous", None)
        kinds = {k: options.pop(k) for k in ("imagej", "ome", "bigtiff", "byteorder") if k in options}
        with tifffile.TiffWriter(folder / f"{name}.tif", **kinds) as writer:
            for page in pixels if contiguous is False else [pixels]:
                writer.write(page, **options)
        files.append(folder / f"{name}.tif")
    if real is not None:
        files += [p for p in sorted(real.rglob("*.tif*")) if p.stat().st_size < LARGEST_REAL]
    return files


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """`data` cut, extended, or with a few bytes changed; most changes hit where the directories are."""
    kind = rng.integers(6)
    if kind == 0:
        return data[: rng.integers(1, len(data))]
    if kind == 1:
        return data + rng.bytes(int(rng.integers(1, 2000)))
    changed = bytearray(data)
    near = min(len(data), 400)
    for _ in range(int(rng.integers(1, 9))):
        # Directories stand at the beginning of some files and at the end of others.
        at = (
            rng.integers(near)
            if kind < 4
            else len(data) - 1 - rng.integers(near)
            if kind == 4
            else rng.integers(len(data))
        )
        changed[at] = rng.choice([0, 1, 255, 127, changed[at] ^ (1 << rng.integers(8)), rng.integers(256)])
    return bytes(changed)


def try_one(path: Path) -> str:
    try:
        with open_stack(path) as stack:
            check_content(stack)
            if stack.nbytes < 16 << 20:
                assert stack.numpy().shape == stack.shape
    except StackError as error:
        sentence = str(error)
        assert sentence.endswith("."), sentence
        assert len(sentence) < 500, sentence
        assert "\n" not in sentence, sentence
        return "refused"
    return "opened"


def torture(files: list[Path], scratch: Path, cases: int, results) -> None:
    """Runs in a process of its own: a crash there is a finding, not the end of the tests."""
    warnings.simplefilter("error")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counts = {"opened": 0, "refused": 0}
    problems = []
    healthy = [path.read_bytes() for path in files]
    for case in range(cases):
        rng = np.random.default_rng([SEED, case])
        which = case % len(files)
        path = scratch / f"case{files[which].suffix}"
        path.write_bytes(damaged(healthy[which], rng))
        results.put(("now", f"case {case} of {files[which].name}"))
        start = time.perf_counter()
        try:
            counts[try_one(path)] += 1
        except BaseException as error:
            problems.append(f"case {case} of {files[which].name}: {type(error).__name__}: {error}")
        seconds = time.perf_counter() - start
        if seconds > MOST_SECONDS:
            problems.append(f"case {case} of {files[which].name}: {seconds:.0f} s")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << (
        0 if sys.platform == "darwin" else 10
    )
    results.put(("end", (counts, problems, grown)))


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_damaged_files_give_an_image_or_one_sentence(tmp_path, request):
    shared = Path(__file__).resolve().parents[3] / "shared" / "data" / "odd_tiff"
    files = seeds(tmp_path, shared if shared.is_dir() else None)
    context = multiprocessing.get_context("spawn")
    results = context.SimpleQueue()
    process = context.Process(target=torture, args=(files, tmp_path, CASES, results))
    process.start()
    last, outcome = "the start", None
    while outcome is None and (process.is_alive() or not results.empty()):
        if results.empty():
            process.join(0.02)
            continue
        kind, what = results.get()
        last, outcome = (what, None) if kind == "now" else (last, what)
    process.join()
    assert outcome is not None, f"the process died (exit code {process.exitcode}) at {last}"
    counts, problems, grown = outcome
    assert problems == []
    assert grown < MOST_MEMORY
    assert sum(counts.values()) == CASES
    assert min(counts.values()) > CASES // 10  # the damage is neither harmless nor always fatal
