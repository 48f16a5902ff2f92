"""What the facts about a computer mean for a user of EMDiff, one sentence and one advice each."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from emdiff_app.system import INSTALL_TORCH

__all__ = [
    "Finding",
    "judge_disk",
    "judge_gpu",
    "judge_libraries",
    "judge_processor",
    "judge_torch",
    "judge_window",
]

Facts = Mapping[str, Any]
State = Literal["OK", "note", "problem"]

GB = 1e9


@dataclass(frozen=True)
class Finding:
    """One line of `emdiff doctor`."""

    name: str
    state: State
    text: str
    advice: str | None = None


def judge_torch(torch: Facts) -> Finding:
    if "error" in torch:
        return Finding(
            "PyTorch", "problem", f"does not work: {torch['error']}", f"Install it again: {INSTALL_TORCH}"
        )
    return Finding("PyTorch", "OK", f"{torch['version']}, built for {_build(torch)}")


def judge_gpu(torch: Facts, nvidia: list[str]) -> Finding:
    if "error" in torch:
        return Finding(
            "GPU", "note", ", ".join(nvidia) or "unknown", "PyTorch must work before a GPU can be used."
        )
    if torch["gpus"]:
        return _judge_gpus(torch["gpus"])
    if torch["mps"]:
        if torch["mps"]["usable"]:
            return Finding("GPU", "OK", "Apple GPU (mps)")
        return Finding(
            "GPU", "problem", f"the Apple GPU fails: {torch['mps']['why']}", "Update macOS and PyTorch."
        )
    if nvidia and not torch["cuda"]:
        return Finding(
            "GPU",
            "problem",
            f"This computer has an NVIDIA GPU ({nvidia[0]}), but this PyTorch was built for {_build(torch)} only.",
            _how_to_get_cuda(),
        )
    if nvidia:
        why = torch["why_no_gpu"] or "the driver gives it no GPU"
        return Finding(
            "GPU",
            "problem",
            f"This computer has an NVIDIA GPU ({nvidia[0]}), but PyTorch cannot use it: {why}",
            f"Check CUDA_VISIBLE_DEVICES, and update the NVIDIA driver to one for CUDA {torch['cuda']} or newer.",
        )
    return Finding(
        "GPU",
        "note",
        "none; EMDiff computes on the processor",
        "Restoring works; for long learning use a computer with a GPU and bring the prior file back.",
    )


def _judge_gpus(gpus: list[Facts]) -> Finding:
    broken = [gpu for gpu in gpus if not gpu["usable"]]
    if broken:
        return Finding(
            "GPU",
            "problem",
            f"{broken[0]['name']} fails: {broken[0]['why']}",
            "Close other programs that use it, restart the computer, or update its driver.",
        )
    text = "; ".join(
        f"{gpu['name']}, {gpu['free_bytes'] / GB:.1f} of {gpu['total_bytes'] / GB:.1f} GB free, "
        f"{'bfloat16' if gpu['bf16'] else 'float32 only'}"
        for gpu in gpus
    )
    if max(gpu["free_bytes"] for gpu in gpus) < 2 * GB:
        return Finding(
            "GPU", "note", text, "Close other programs that use the GPU: learning wants 2 GB or more."
        )
    return Finding("GPU", "OK", text)


def judge_processor(torch: Facts, cores: int, memory: Facts) -> Finding:
    available, total = memory["available_bytes"] / GB, memory["total_bytes"] / GB
    text = f"{cores} cores, {available:.1f} of {total:.1f} GB memory free"
    if "error" not in torch:
        faster = torch["bf16_speedup"]
        text += f", {torch['threads']} threads, {torch['instructions']}, "
        text += f"bfloat16 {faster:.1f} times as fast as float32" if faster else "no bfloat16"
        if torch["threads"] < cores:
            advice = f"Unset OMP_NUM_THREADS to compute on all {cores} cores."
            return Finding("Processor", "note", text, advice)
    if available < 2:
        return Finding(
            "Processor", "note", text, "Close other programs: learning wants 2 GB of memory or more."
        )
    return Finding("Processor", "OK", text)


def judge_window(qt: Facts, missing: Mapping[str, str], screen: bool) -> Finding:
    if missing:
        return Finding(
            "Window",
            "problem",
            f"system libraries are missing: {', '.join(missing)}",
            f"On Debian or Ubuntu: sudo apt-get install {' '.join(missing.values())}",
        )
    if not screen:
        return Finding(
            "Window",
            "note",
            "no screen here (neither DISPLAY nor WAYLAND_DISPLAY is set)",
            "All commands work without one; for the window use a desktop, or a remote one.",
        )
    if "error" in qt:
        advice = 'Install Qt and napari, in the folder of EMDiff: python -m pip install ".[app]"'
        if "QtBindingsNotFoundError" not in qt["error"]:
            advice = "Check DISPLAY and QT_QPA_PLATFORM, then install Qt again: python -m pip install "
            advice += "--force-reinstall PySide6-Essentials"
        return Finding("Window", "problem", f"would not open: {qt['error']}", advice)
    text = f"{qt['binding']} {qt['binding_version']} on {qt['platform']}"
    if not qt["opengl"]:
        return Finding(
            "Window",
            "problem",
            f"{text}, without OpenGL, which napari draws with",
            "Install a graphics driver (on Debian: libgl1-mesa-dri), and leave QT_QPA_PLATFORM unset.",
        )
    return Finding("Window", "OK", f"{text}, OpenGL {qt['opengl']}")


def judge_disk(free: Mapping[str, int]) -> Finding:
    text = "; ".join(f"{size / GB:.1f} GB free in {place}" for place, size in free.items())
    least = min(free.values()) / GB
    if least < 1:
        return Finding("Disk", "problem", text, "Free some space: results and checkpoints cannot be saved.")
    if least < 10:
        return Finding("Disk", "note", text, "Large stacks and long runs want more than 10 GB.")
    return Finding("Disk", "OK", text)


def judge_libraries(versions: Mapping[str, str | None]) -> Finding:
    missing = [name for name, version in versions.items() if version is None]
    if missing:
        return Finding(
            "Libraries",
            "problem",
            f"missing: {', '.join(missing)}",
            f"Install them: python -m pip install {' '.join(missing)}",
        )
    return Finding("Libraries", "OK", ", ".join(f"{name} {version}" for name, version in versions.items()))


def _build(torch: Facts) -> str:
    if torch["cuda"]:
        return f"CUDA {torch['cuda']}"
    if torch["rocm"]:
        return f"ROCm {torch['rocm']}"
    return "CPU and Apple GPU" if sys.platform == "darwin" else "CPU"


def _how_to_get_cuda() -> str:
    if sys.platform == "win32":  # there the plain command brings the CPU build again
        return "Install a PyTorch for CUDA with the command that PyTorch's page `Start locally` shows."
    return f"Install a PyTorch for CUDA: {INSTALL_TORCH}"
