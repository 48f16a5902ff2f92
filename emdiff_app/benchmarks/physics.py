"""`emdiff bench physics`: convolutions beside scipy's, and what a step of conjugate gradients costs.

With the Z stack of a bead as an argument, the microscope model beside it as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emdiff_app.physics import ImagingModel
from emdiff_app.physics.inverting import per_image
from emdiff_app.physics.inverting.conjugate_gradients import Normal, conjugate_gradients
from emdiff_app.physics.operators import Blur
from emdiff_app.physics.operators.base import LinearOperator

from ._bead import compare_bead
from ._common.report import Report

__all__ = ["run"]

FIELD = (2048, 2048)
ROUNDS = 25
STEPS = 4


def run(report: Report) -> None:
    """Fill the report; the rounds of all contenders alternate, so that a busy machine slows them alike."""
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    report.text(
        f"Times in ms, the fastest of {ROUNDS} alternating rounds, {torch.get_num_threads()} threads for ours; "
        "ratios are those of the fastest. float32." + ("" if len(devices) > 1 else " Measured without a GPU.")
    )
    report.text("## Blur and its adjoint, 2048 x 2048")
    report.text(
        "The same two operations: `fftconvolve(x, h, 'valid')` of the padded domain and `fftconvolve(y, h~, 'full')`. "
        "Ours holds the PSF's transfer function; scipy's transforms the PSF each time and uses one thread."
    )
    report.table(
        [
            "PSF",
            "device",
            "apply + adjoint",
            "A A^T",
            "scipy fftconvolve",
            "times faster",
            "largest difference",
        ],
        [_blur(size, device) for size in (31, 255) for device in devices],
    )
    report.text("## Conjugate gradients, 64 crops of 64 x 64, a mask for each")
    report.text(
        "One step over one apply + adjoint of the same operator; a step needs one product with `A A^T`, which "
        "for a blur takes one pass through the Fourier domain instead of two. On the "
        "processor: one thread, and its own time without that of others."
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the crops are small, and others on the machine then disturb less
    report.table(
        ["operator", "device", "apply + adjoint", "one step", "ratio"],
        [_step(name, device) for name in CHAINS for device in devices],
    )
    torch.set_num_threads(threads)
    if report.arguments:
        compare_bead(report, Path(report.arguments[0]))


PSF_15 = {"kind": "blur", "psf": {"kind": "gaussian", "sigma_px": 2}}
MASK = {"kind": "mask", "pattern": "array"}
CHAINS: dict[str, list[dict[str, Any]]] = {
    "blur (15 x 15), half of the pixels missing": [PSF_15, MASK],
    "blur (15 x 15), a hundredth missing": [PSF_15, MASK],
    "blur (15 x 15), downsampling by 2, half missing": [PSF_15, {"kind": "downsample", "factor": 2}, MASK],
}


def _blur(width: int, device: str) -> list[object]:
    from scipy.signal import fftconvolve

    rng = np.random.default_rng(0)
    psf = rng.random((width, width), np.float32)
    psf /= psf.sum()
    flipped = np.ascontiguousarray(psf[::-1, ::-1])
    operator = Blur(FIELD, torch.from_numpy(psf)[None, None].to(device))
    x, y = rng.random(operator.domain, np.float32), rng.random(FIELD, np.float32)
    ours_x, ours_y = (torch.from_numpy(a)[None, None].to(device) for a in (x, y))
    times = _alternate(
        {
            "ours": lambda: (operator.apply(ours_x), operator.adjoint(ours_y)),
            "outer": lambda: operator.outer(ours_y),
            "scipy": lambda: (fftconvolve(x, psf, "valid"), fftconvolve(y, flipped, "full")),
        },
        device,
    )
    differences = (
        operator.apply(ours_x)[0, 0].cpu().numpy() - fftconvolve(x, psf, "valid"),
        operator.adjoint(ours_y)[0, 0].cpu().numpy() - fftconvolve(y, flipped, "full"),
    )
    worst = max(float(np.abs(d).max()) for d in differences)
    ratio = float(times["scipy"].min() / times["ours"].min())
    best = {name: float(t.min() * 1e3) for name, t in times.items()}
    return [f"{width} x {width}", device, best["ours"], best["outer"], best["scipy"], ratio, worst]


def _step(name: str, device: str) -> list[object]:
    generator = torch.Generator().manual_seed(0)
    missing = 0.01 if "hundredth" in name else 0.5
    mask = torch.rand(64, 1, 64, 64, generator=generator) >= missing
    model = ImagingModel.parse({"operator": CHAINS[name], "noise": {"kind": "gaussian", "sigma": 0.05}})
    operator: LinearOperator = model.bind((64, 64), device=device, arrays={"mask": mask}).operator
    x = torch.rand(64, 1, *operator.domain, generator=generator).to(device)
    y = torch.rand(64, 1, 64, 64, generator=generator).to(device)
    seen = mask.to(device)
    normal = Normal(operator, per_image(1.0, x), per_image(0.05**2, y), seen)

    def steps(count: int) -> Callable[[], object]:
        return lambda: conjugate_gradients(normal, y, tol=0.0, max_iter=count)

    times = _alternate(
        {
            "pair": lambda: [operator.adjoint(operator.apply(x)) for _ in range(STEPS)],
            "many": steps(STEPS + 1),
            "one": steps(1),
        },
        device,
        time.process_time if device == "cpu" else time.perf_counter,
    )
    best = {name: float(t.min() * 1e3) for name, t in times.items()}
    pair, step = best["pair"] / STEPS, (best["many"] - best["one"]) / STEPS
    return [name, device, pair, step, step / pair]


def _alternate(
    contenders: dict[str, Callable[[], object]], device: str, clock: Callable[[], float] = time.perf_counter
) -> dict[str, Any]:
    """Seconds of each, `ROUNDS` times in turn, after one round that does not count."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS + 1):
        for name, work in contenders.items():
            start = clock()
            work()
            if device == "cuda":
                torch.cuda.synchronize()
            times[name].append(clock() - start)
    return {name: np.array(t[1:]) for name, t in times.items()}
