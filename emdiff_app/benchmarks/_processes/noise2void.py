"""Noise2Void by its authors' library, in an environment of its own that is made when it is first asked for.

CAREamics asks for an older torchvision than fits this program's torch, so it is installed without its own wishes
for torch and torchvision, and everything else that it needs as it wishes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app.benchmarks._common.kept import bench_folder
from emdiff_app.benchmarks._learning.runs import say
from emdiff_app.errors import EMDiffError

__all__ = ["made_by", "noise2void"]

SCRIPT = Path(__file__).with_name("noise2void_script.py")
TORCH = ("torch==2.13.0",)
PAIRED = ("torchvision==0.28.0", "careamics==0.3.5")
WISHES = (
    "from importlib.metadata import requires\n"
    "wishes = [w.split(';')[0] for w in requires('careamics') if 'extra' not in w]\n"
    "print('\\n'.join(w for w in wishes if not w.startswith(('torch<', 'torch>', 'torch=', 'torchvision'))))"
)
PINS = Path(__file__).resolve().parents[3] / "installers" / "constraints.txt"


def made_by() -> str:
    """What its results depend on besides the images: the script, and the versions of the libraries."""
    return f"{SCRIPT.read_text(encoding='utf-8')}{TORCH}{PAIRED}"


def noise2void(
    train: NDArray[Any], test: NDArray[Any], minutes: Sequence[float], threads: int
) -> list[tuple[NDArray[np.float32], str]]:
    """Learn from `train` and denoise `test` after so many minutes each; also what the library says of itself.

    Its learning rate is constant, so that a training that goes on is, after five minutes, one of five minutes.
    """
    python = _environment()
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{name}.npy" for name in ("train", "test", "out")]
        for path, images in zip(paths, (train, test), strict=False):
            np.save(path, np.asarray(images, np.float32))
        words = [",".join(str(time) for time in minutes), str(threads)]
        clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        done = subprocess.run(
            [python, SCRIPT, *paths, *words], capture_output=True, text=True, env=clean, check=False
        )
        if done.returncode:
            raise EMDiffError(f"Noise2Void did not run: {_last_line(done.stderr)}")
        made: NDArray[np.float32] = np.load(paths[2])
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    return list(zip(made, lines[-len(minutes) :], strict=True))


def _environment() -> Path:
    """The interpreter of the environment; made once."""
    folder = bench_folder() / "noise2void"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if (folder / "complete").is_file():
        return python
    say(f"Making an environment for CAREamics in {folder}; this takes some minutes and 2 GB.")
    _call(sys.executable, "-m", "venv", "--clear", str(folder))
    pins = ["-c", str(PINS)] if PINS.is_file() else []
    _call(python, "-m", "pip", "install", *TORCH, *pins)
    _call(python, "-m", "pip", "install", "--no-deps", *PAIRED)
    wishes = _call(python, "-c", WISHES).split("\n")
    _call(python, "-m", "pip", "install", *TORCH, *(w for w in wishes if w.strip()))
    (folder / "complete").touch()
    return python


def _call(*words: Any) -> str:
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise EMDiffError(
            f"The environment for CAREamics could not be made ({_last_line(done.stderr)}); the other rows are there."
        )
    return done.stdout


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"
