"""`emdiff bench training`: crops a second and peak memory against diffusers' UNet2DModel of equal size.

Both networks run in our own training loop, in one process, in turn, on the same crops. `emdiff bench training
quick` takes fewer steps.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from emdiff_app.diffusion import parameter_count

from ._common.report import Report
from ._processes.training_rivals import Contender, Task, contenders

__all__ = ["run"]

GOAL = 1.5


def run(report: Report) -> None:
    quick = "quick" in report.arguments
    tasks = [Task("tiny", 48, 16)] if quick else [Task("tiny", 48, 16), Task("small", 64, 16)]
    if torch.cuda.is_available():
        tasks += [Task("small", 64, 64, "cuda"), Task("standard", 64, 64, "cuda")]
    report.text(
        "Every row runs in the same loop: preconditioned denoising, Adam, gradient clipping, an average of the "
        "weights, one channel. The rows take turns; a step is the fastest of many, so that other programs do not "
        "count. Memory is what training takes beyond a step on one tiny crop, each in a process of its own. The rival "
        "has no attention and three resolutions, like ours. Arithmetic is that of the convolutions and matrix "
        "products of a step, forward and backward; the peak is that of the fastest large matrix product or "
        "convolution on the same computer, in the same precision."
    )
    for task in tasks:
        _compare(report, task, rounds=6 if quick else 10)


def _compare(report: Report, task: Task, rounds: int) -> None:
    entries = contenders()
    steps = [entry.step(task) for entry in entries]
    seconds = fastest(steps, rounds, task.device)
    peaks = {half: peak_flops(task.device, half) for half in (False, True)}
    rows = []
    for number, (entry, spent) in enumerate(zip(entries, seconds, strict=True)):
        parameters, half, flops = _described(entry, task)
        rows.append(
            [
                f"{entry.name}{' (bfloat16)' if half and entry.precision == 'auto' else ''}",
                parameters,
                spent * 1e3,
                task.batch / spent,
                flops / 1e9,
                flops / spent / 1e9,
                f"{100 * flops / spent / peaks[half]:.0f} %",
                _memory(number, task) / 1e6,
            ]
        )
    where = torch.cuda.get_device_name() if task.device == "cuda" else f"{torch.get_num_threads()} threads"
    report.text(f"## {task.size}: {task.batch} crops of {task.side} x {task.side}, {where}")
    report.table(
        ["", "parameters", "ms a step", "crops/s", "GFLOP a step", "GFLOP/s", "of the peak", "memory, MB"],
        rows,
    )
    report.text(
        f"Peak: {peaks[False] / 1e9:.0f} GFLOP/s in float32, {peaks[True] / 1e9:.0f} GFLOP/s in bfloat16."
    )
    ours, same = seconds[:2]
    verdicts = []
    for kind in ("scaled", "narrowest"):
        theirs = [(s, e.precision) for s, e in zip(seconds, entries, strict=True) if e.shape == kind]
        single = min(s for s, precision in theirs if precision == "float32")
        verdicts += [
            _verdict(f"as it trains / {kind}, at its best", min(theirs)[0] / ours),
            _verdict(f"float32 / {kind} in float32, at its best", single / same),
        ]
    report.table(["ratio of crops/s", "measured", "target", "met"], verdicts)


def fastest(work: Sequence[Callable[[], object]], rounds: int, device: str) -> list[float]:
    """The shortest time of each piece of work, all of them taking turns."""
    best = [float("inf")] * len(work)
    for _ in range(rounds):
        for number, piece in enumerate(work):
            _wait(device)
            start = time.perf_counter()
            piece()
            _wait(device)
            best[number] = min(best[number], time.perf_counter() - start)
    return best


def peak_flops(device: str, half: bool) -> float:
    """Operations a second of a large matrix product or convolution, whichever is faster."""
    dtype = torch.bfloat16 if half else torch.float32
    n = 8192 if device == "cuda" else 2048
    a, b = (torch.randn(n, n, device=device, dtype=dtype) for _ in range(2))
    conv: Any = torch.nn.Conv2d(128, 128, 3, padding=1).to(device, dtype)
    conv.to(memory_format=torch.channels_last)
    images = 256 if device == "cuda" else 16
    x = torch.randn(images, 128, 32, 32, device=device, dtype=dtype).contiguous(
        memory_format=torch.channels_last
    )
    with torch.no_grad():
        product, convolution = fastest([lambda: a @ b, lambda: conv(x)], 12, device)
    return max(2.0 * n**3 / product, 2.0 * 9 * 128**2 * 32**2 * images / convolution)


def _described(entry: Contender, task: Task) -> tuple[int, bool, float]:
    """Parameters, whether it is in half precision, and the floating-point operations of a step."""
    trainer, images = entry.trainer(task), task.images()
    trainer.step(images)
    with FlopCounterMode(display=False) as counter:
        trainer.step(images)
    return parameter_count(trainer.prior.network), trainer.prior.bfloat16, float(counter.get_total_flops())


def _memory(number: int, task: Task) -> float:
    words = [sys.executable, "-m", Contender.__module__, str(number), json.dumps(asdict(task))]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _verdict(what: str, ratio: float) -> list[Any]:
    return [what, ratio, f">= {GOAL}", "yes" if ratio >= GOAL else "NO"]
