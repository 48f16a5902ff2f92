"""Files much larger than memory open at once, and a plane costs what a plane costs."""

import os
import time
import tracemalloc

import numpy as np
import pytest
import tifffile

from emdiff_app.images import open_stack

PLANES, SIDE = 2500, 2048


@pytest.fixture
def large(tmp_path):
    """20 GB of BigTIFF with a directory for each plane; holes on disk until written."""
    path = tmp_path / "large.tif"
    tifffile.memmap(path, shape=(PLANES, SIDE, SIDE), dtype=np.uint16, bigtiff=True, metadata={"axes": "ZYX"})
    if path.stat().st_blocks * 512 > 1 << 30 if hasattr(os.stat_result, "st_blocks") else True:
        pytest.skip("needs a file system with sparse files")
    with path.open("r+b") as file:
        with tifffile.TiffFile(path) as written:
            start = written.pages[0].dataoffsets[0]
        file.seek(start + 1234 * SIDE * SIDE * 2)
        file.write(np.full(SIDE * SIDE, 7, np.uint16).tobytes())
    yield path
    path.unlink()


def test_a_20_gb_file_opens_at_once_and_reads_by_the_plane(large):
    assert large.stat().st_size > 20e9
    seconds = []
    tracemalloc.start()
    for _ in range(3):
        start = time.perf_counter()
        stack = open_stack(large)
        seconds.append(time.perf_counter() - start)
    opened = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert stack.sizes == {"Z": PLANES, "Y": SIDE, "X": SIDE}
    assert opened < 100 << 20
    times = []
    for z in (1234, 17, 2499):
        start = time.perf_counter()
        plane = stack.plane((z,))
        times.append(time.perf_counter() - start)
        assert (plane == (7 if z == 1234 else 0)).all()
    assert min(seconds) < 1
    assert min(times) < 0.1
