"""Where this computer can compute and how much memory is free there, found without loading PyTorch."""

import importlib.util
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from emdiff_app.system import nvidia_gpus

__all__ = ["Device", "Devices", "find_devices"]

GB = 1e9


@dataclass(frozen=True)
class Device:
    """One place to compute; `value` is what a recipe calls it."""

    value: str
    name: str
    free_bytes: int | None = None

    @property
    def title(self) -> str:
        """`GPU: NVIDIA RTX 4070, 9.1 GB free`."""
        free = "" if self.free_bytes is None else f", {self.free_bytes / GB:.1f} GB free"
        return f"{self.name}{free}"


@dataclass(frozen=True)
class Devices:
    """The best place first; `warning` says why a GPU that is there cannot be used."""

    all: tuple[Device, ...] = ()
    warning: str = ""


def find_devices() -> Devices:
    """Ask the driver and the files of PyTorch; takes a moment, so not on the window's thread."""
    cpu = Device(
        "cpu", f"CPU: {psutil.cpu_count(logical=False) or 1} cores", psutil.virtual_memory().available
    )
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return Devices((Device("mps", "Apple GPU"), cpu))
    gpus = _nvidia()
    if not gpus:
        return Devices((cpu,))
    if not _torch_has_gpu():
        return Devices(
            (cpu,),
            "This computer has an NVIDIA GPU, but this PyTorch was built for CPU only; learning works, slowly.",
        )
    return Devices((*gpus, cpu))


def _nvidia() -> tuple[Device, ...]:
    """The first NVIDIA GPU, which is the one that PyTorch takes."""
    tool = shutil.which("nvidia-smi")
    if tool:
        question = [tool, "--query-gpu=name,memory.free", "--format=csv,noheader,nounits"]
        try:
            done = subprocess.run(
                question, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=10
            )
            name, free = done.stdout.splitlines()[0].rsplit(",", 1)
            return (Device("cuda", f"GPU: {name.strip()}", int(free) << 20),)
        except (OSError, subprocess.TimeoutExpired, ValueError, IndexError):
            pass
    return tuple(Device("cuda", f"GPU: {name}") for name in nvidia_gpus()[:1])


def _torch_has_gpu() -> bool:
    """Whether the installed PyTorch was built for NVIDIA or AMD GPUs, by what its files say."""
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        return False
    try:
        words = Path(found.origin).with_name("version.py").read_text(encoding="utf-8")
    except OSError:
        return True  # let PyTorch itself say what it can
    return bool(re.search(r"^(cuda|hip)\b.*=\s*['\"]", words, re.MULTILINE))
