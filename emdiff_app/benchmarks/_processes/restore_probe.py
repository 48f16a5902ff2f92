"""What `emdiff bench restore` measures, each task in a process of its own."""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from emdiff_app.baselines.extra import library

from .io_probe import _peak

__all__ = ["Task"]

NOISE = 0.2
STREAMED = 1.2e9


@dataclass(frozen=True)
class Task:
    """One way to restore images of a shape `(planes, height, width)`, by a network of a size."""

    way: str
    shape: tuple[int, ...]
    size: str
    path: str = ""


def measured(task: Task) -> dict[str, Any]:
    if task.way == "stream":
        return _streamed(task)
    work, weights = _WAYS[task.way](task)
    start = time.perf_counter()
    work()
    return {"seconds": time.perf_counter() - start, "peak": _peak(), "weights": weights}


def images(task: Task) -> NDArray[np.float32]:
    """Smooth structures in noise."""
    height, width = task.shape[1:]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    clean = 0.5 + 0.3 * np.sin(x / 9) * np.cos(y / 7)
    noise = np.random.default_rng(0).standard_normal(task.shape, dtype=np.float32)
    return clean + NOISE * noise


def _prior(size: str) -> Any:
    import torch

    from emdiff_app.diffusion import LearnedPrior

    torch.manual_seed(0)
    return LearnedPrior(size, 1, 0.3, 0.5).eval().requires_grad_(False)


def _ours(
    *, blurred: bool = False, check: bool = False, **options: Any
) -> Callable[[Task], tuple[Callable[[], object], int]]:
    """Restoring with these options; with `check` the verdict alone, after a restoration that does not count."""

    def ready(task: Task) -> tuple[Callable[[], object], int]:
        from emdiff_app import posterior
        from emdiff_app.diffusion import parameter_count
        from emdiff_app.images import stack_from_array
        from emdiff_app.restoring import restore

        prior = _prior(task.size)
        posterior.uncertainty_of(prior)  # once for a prior, whatever it restores
        model: dict[str, Any] = {"noise": {"kind": "gaussian", "sigma": NOISE}}
        if blurred:
            model["operator"] = [{"kind": "blur", "psf": {"kind": "gaussian", "sigma_px": 2}}]
        stack = stack_from_array(images(task), "ZYX", name="images")
        if check:
            return restore(stack, prior, model, write=("mean",)).check, parameter_count(prior)
        return lambda: restore(stack, prior, model, **options), parameter_count(prior)

    return ready


def _richardson_lucy(task: Task) -> tuple[Callable[[], object], int]:
    from skimage.restoration import richardson_lucy

    line = np.exp(-0.5 * (np.arange(-7, 8) / 2) ** 2)
    psf = np.outer(line, line) / line.sum() ** 2
    planes = [np.clip(plane, 1e-3, None) for plane in images(task)]
    return lambda: [richardson_lucy(plane, psf, num_iter=20, clip=False) for plane in planes], 0


def _bm3d(task: Task) -> tuple[Callable[[], object], int]:
    published = library("bm3d", "bm3d").bm3d
    planes = images(task)
    return lambda: [published(plane, sigma_psd=NOISE) for plane in planes], 0


def _streamed(task: Task) -> dict[str, Any]:
    from emdiff_app.images import IntensityScale, open_stack
    from emdiff_app.physics import ImagingModel
    from emdiff_app.restoring import KnownPrior, Settings, Target, prepare, write_restoration

    model = ImagingModel.model_validate({"noise": {"kind": "gaussian", "sigma": 100}})
    known = KnownPrior(_prior(task.size), IntensityScale(offset=0, gain=4096), model)
    resident: list[int] = []

    def told(progress: Any) -> None:
        if progress.step == progress.steps:
            resident.append(psutil.Process().memory_info().rss)

    start = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=Path(task.path).parent) as out, open_stack(task.path) as stack:
        beginning = stack.with_(shape=(task.shape[0], *stack.shape[1:]))
        ready = prepare(beginning, known, None, Settings(words=("mean",), memory=STREAMED))
        write_restoration(ready, Target(Path(out), "huge"), on_progress=told)
    return {"seconds": time.perf_counter() - start, "peak": _peak(), "resident": resident}


_WAYS: dict[str, Callable[[Task], tuple[Callable[[], object], int]]] = {
    "one look": _ours(),
    "check": _ours(check=True),
    "sample": _ours(samples=1),
    "average": _ours(samples=8),
    "samples": _ours(samples=4, write=("samples",)),
    "deblurred": _ours(samples=1, blurred=True),
    "deblurred average": _ours(blurred=True),
    "richardson-lucy": _richardson_lucy,
    "bm3d": _bm3d,
}


if __name__ == "__main__":
    print(json.dumps(measured(Task(**json.loads(sys.argv[1])))))
