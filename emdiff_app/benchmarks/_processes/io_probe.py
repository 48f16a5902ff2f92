"""What `emdiff bench io` measures, each in a fresh process: `-m emdiff_app.benchmarks._processes.io_probe TASK`.

A fresh process knows nothing of the file and has an honest amount of memory.
"""

import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil

from emdiff_app.images import open_stack, save_stack

__all__ = ["TASKS"]


def open_ours(path: str) -> dict[str, float]:
    """Open and close; the libraries that this loads are a part of it."""
    start = time.perf_counter()
    stack = open_stack(path)
    seconds = time.perf_counter() - start
    resident = psutil.Process().memory_info().rss
    stack.close()
    return {"seconds": seconds, "resident": resident}


def open_plain(path: str) -> dict[str, float]:
    """The same with the library alone, which also is loaded here."""
    start = time.perf_counter()
    _, close = _plain_reader(Path(path))
    seconds = time.perf_counter() - start
    resident = psutil.Process().memory_info().rss
    close()
    return {"seconds": seconds, "resident": resident}


def read(path: str, planes: Sequence[int], rounds: int) -> dict[str, float]:
    """Seconds for a plane, ours and plain in turn over the same planes of a file in the cache.

    The quickest read of each plane counts, since whatever else the computer does only adds to it; the figure is
    the median of the planes.
    """
    plain, close = _plain_reader(Path(path))
    ours = dict.fromkeys(planes, math.inf)
    theirs = dict.fromkeys(planes, math.inf)
    with open_stack(path) as stack:
        for number in planes:
            np.testing.assert_array_equal(stack.plane((number,)), plain(number))
        for turn in range(rounds):
            for number in planes:
                # Whoever reads second finds a warmer processor, so they take turns.
                for own in (True, False) if turn % 2 else (False, True):
                    start = time.perf_counter()
                    stack.plane((number,)) if own else plain(number)
                    seconds = time.perf_counter() - start
                    best = ours if own else theirs
                    best[number] = min(best[number], seconds)
    close()
    return {"ours": median(ours.values()), "plain": median(theirs.values())}


def convert_ours(source: str, target: str) -> dict[str, float]:
    """Stream a file into another; the largest amount of memory on the way."""
    start = time.perf_counter()
    with open_stack(source) as stack:
        save_stack(stack, target)
    return {"seconds": time.perf_counter() - start, "peak": _peak()}


def convert_plain(source: str, target: str) -> dict[str, float]:
    """The same through tifffile or zarr alone, plane by plane."""
    import tifffile
    import zarr

    start = time.perf_counter()
    with tifffile.TiffFile(source) as file:
        series = file.series[0]
        if target.endswith(".zarr"):
            array = zarr.create_array(
                target, shape=series.shape, dtype=series.dtype, chunks=(1, 1024, 1024), compressors=None
            )
            for number, page in enumerate(series.pages):
                array[number] = page.asarray()
        else:
            planes = (page.asarray() for page in series.pages)
            tifffile.imwrite(target, planes, shape=series.shape, dtype=series.dtype, ome=True)
    return {"seconds": time.perf_counter() - start, "peak": _peak()}


def _plain_reader(path: Path) -> tuple[Callable[[int], Any], Callable[[], None]]:
    if path.suffix == ".zarr":
        import zarr

        array = zarr.open_group(path, mode="r")["0"]
        return lambda number: array[number], lambda: None
    import tifffile

    file = tifffile.TiffFile(path)
    pages = file.series[0].pages
    return lambda number: pages[number].asarray(), file.close


def _peak() -> int:
    """The most memory this process ever held, in bytes."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count the process that started this one too
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


TASKS = {task.__name__: task for task in (open_ours, open_plain, read, convert_ours, convert_plain)}

if __name__ == "__main__":
    print(json.dumps(TASKS[sys.argv[1]](*json.loads(sys.argv[2]))))
