"""What this computer offers: a screen, the libraries a window needs, an NVIDIA GPU.

Only the standard library: the set-up scripts use this before anything is installed.
"""

import ctypes
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = [
    "INSTALL_TORCH",
    "QT_LIBRARIES",
    "command_line",
    "has_screen",
    "missing_qt_libraries",
    "nvidia_gpus",
]

INSTALL_TORCH = "python -m pip install --upgrade --force-reinstall torch"

# What Qt's wheels expect from a Linux system, with the Debian package that brings it.
QT_LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xinerama.so.0": "libxcb-xinerama0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
}


def has_screen() -> bool:
    """Whether a window could be seen: always on macOS and Windows, with a display server on Linux."""
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def missing_qt_libraries() -> dict[str, str]:
    """The libraries that a Qt window needs and the system cannot load, with their Debian packages."""
    if not sys.platform.startswith("linux"):
        return {}
    return {name: package for name, package in QT_LIBRARIES.items() if not _loads(name)}


def nvidia_gpus(timeout: float = 10.0) -> list[str]:
    """The names of the NVIDIA GPUs that the driver or the system reports, whatever torch thinks."""
    tool = shutil.which("nvidia-smi")
    if tool:
        try:
            done = subprocess.run(
                [tool, "--query-gpu=name", "--format=csv,noheader"],
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                timeout=timeout,
            )
        except (OSError, subprocess.TimeoutExpired):
            pass
        else:
            if done.returncode == 0:
                return [line.strip() for line in done.stdout.splitlines() if line.strip()]
    return [_model(card) for card in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))]


def _model(card: Path) -> str:
    try:
        lines = card.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
    return models[0] if models else "NVIDIA GPU"


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def command_line(*words: object) -> str:
    """Words as one line for this computer's terminal, whatever characters are in them."""
    texts = [str(word) for word in words]
    return subprocess.list2cmdline(texts) if os.name == "nt" else shlex.join(texts)
