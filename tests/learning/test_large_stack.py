"""Images that no memory holds: crops are read when they are needed, and nothing else is."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from tiny_runs import make_run, told

SHAPE = (2500, 2048, 2048)  # 21 GB of 16-bit pixels
MOST_BYTES = 2e9

WORKER = """
import resource, sys
from pathlib import Path
from emdiff_app.learning import RunFolder, learn

ended_well = learn(RunFolder.open(Path(sys.argv[1])))
status = Path("/proc/self/status")
if status.exists():  # what `getrusage` says on Linux includes the process that started this one
    peak = next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) * 1024
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(ended_well, peak)
"""


@pytest.fixture
def large_stack(tmp_path):
    """A file of 21 GB of which next to nothing is on the disk: where nothing was written, there are zeros."""
    path = tmp_path / "large.tif"
    pixels = tifffile.memmap(path, shape=SHAPE, dtype=np.uint16, bigtiff=True, metadata={"axes": "ZYX"})
    first, plane, row = pixels.offset + pixels[0, :1000].nbytes, pixels[0].nbytes, pixels[0, 0].nbytes
    del pixels
    band = np.random.default_rng(0).poisson(100, 32 * row // 2).astype(np.uint16).tobytes()
    with path.open("r+b", buffering=0) as file:
        for number in range(SHAPE[0]):
            file.seek(first + number * plane)
            file.write(band)
    if path.stat().st_blocks * 512 > 1e9:
        pytest.skip("this disk writes out files that are mostly empty")
    assert path.stat().st_size > 20e9
    yield path
    path.unlink()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sparse files are made otherwise there")
def test_a_stack_of_twenty_gigabytes_is_learned_from_in_two(large_stack, tmp_path):
    run = make_run(tmp_path, stacks=(str(large_stack),), crops=64, crop=32)
    done = subprocess.run(
        [sys.executable, "-c", WORKER, str(run.path)], capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    ended_well, peak = done.stdout.split()
    assert ended_well == "True", told(run)[-1]
    assert int(peak) < MOST_BYTES
    assert max(e.memory_bytes for e in told(run, "progress")) < MOST_BYTES
