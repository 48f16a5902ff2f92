"""What torch and Qt can do here, found out in a process of its own: a broken one may hang or crash it.

python -m emdiff_app.cli._probe torch    prints one JSON object as the last line; so does `qt`
"""

import importlib
import json
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

__all__ = ["ask"]

Facts = dict[str, Any]


def ask(what: str, timeout: float = 60.0, python: str = sys.executable) -> Facts:
    """The facts about `what` ("torch" or "qt"); `{"error": reason}` if no child process can tell."""
    command = [python, "-P", "-m", "emdiff_app.cli._probe", what]  # -P: no modules from the current folder
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"no answer within {timeout:.0f} s"}
    except OSError as error:
        return {"error": str(error)}
    try:
        return dict(json.loads(done.stdout.splitlines()[-1]))
    except (IndexError, ValueError):
        said = done.stderr.strip().splitlines()
        return {"error": f"it crashed with code {done.returncode}" + (f": {said[-1]}" if said else "")}


def torch_facts() -> Facts:
    """Version and build of torch, its threads, and every device that it can really compute on."""
    import torch

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        available = torch.cuda.is_available()
    mps = torch.backends.mps
    return {
        "version": torch.__version__,
        "cuda": torch.version.cuda,
        "rocm": torch.version.hip,
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "bf16_speedup": _bf16_speedup(),
        "mps": _try("mps") if mps.is_built() and mps.is_available() else None,
        "gpus": [_gpu(index) for index in range(torch.cuda.device_count())] if available else [],
        "why_no_gpu": " ".join(str(caught[-1].message).split()) if caught and not available else None,
    }


def _gpu(index: int) -> Facts:
    import torch

    facts: Facts = {"name": f"GPU {index}", **_try(f"cuda:{index}")}
    if facts["usable"]:
        free, total = torch.cuda.mem_get_info(index)
        facts |= {
            "name": torch.cuda.get_device_name(index),
            "free_bytes": free,
            "total_bytes": total,
            "bf16": torch.cuda.get_device_capability(index) >= (8, 0) or bool(torch.version.hip),
        }
    return facts


def _try(device: str) -> Facts:
    """Whether a device gives the right answer to a small sum, and if not, why."""
    import torch

    try:
        ones = torch.ones(64, 64, device=device)
        total = float((ones @ ones).sum())
    except Exception as error:
        return {"usable": False, "why": str(error).strip().split("\n")[0]}
    return {"usable": total == 64.0**3, "why": None if total == 64.0**3 else "it computes wrongly"}


def _bf16_speedup() -> float | None:
    """How much faster the processor multiplies bfloat16 than float32 matrices; None if it cannot."""
    import torch

    def fastest(kind: torch.dtype) -> float:
        ones = torch.ones(512, 512, dtype=kind)
        times = []
        for _ in range(6):
            start = time.perf_counter()
            ones @ ones
            times.append(time.perf_counter() - start)
        return min(times)

    try:
        return round(fastest(torch.float32) / fastest(torch.bfloat16), 2)
    except RuntimeError:
        return None


def qt_facts() -> Facts:
    """The Qt binding, the platform it shows windows on, and whether OpenGL works there."""
    qtpy = importlib.import_module("qtpy")
    gui = importlib.import_module("qtpy.QtGui")
    application = gui.QGuiApplication(["emdiff"])  # aborts the process if no window can open
    context = gui.QOpenGLContext()
    opengl = context.format() if context.create() else None
    return {
        "binding": qtpy.API_NAME,
        "binding_version": qtpy.PYSIDE_VERSION or qtpy.PYQT_VERSION,
        "qt_version": qtpy.QT_VERSION,
        "platform": application.platformName(),
        "opengl": f"{opengl.majorVersion()}.{opengl.minorVersion()}" if opengl else None,
    }


def _answer(what: str) -> None:
    probes: dict[str, Callable[[], Facts]] = {"torch": torch_facts, "qt": qt_facts}
    try:
        facts = probes[what]()
    except Exception as error:
        facts = {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"}
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    _answer(sys.argv[1])
