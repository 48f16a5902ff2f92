"""`emdiff doctor`: what this computer offers, what is missing, and what to do about it."""

import importlib.metadata
import os
import platform
import re
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from emdiff_app import __version__
from emdiff_app.system import has_screen, missing_qt_libraries, nvidia_gpus

from . import _output
from ._findings import (
    Finding,
    judge_disk,
    judge_gpu,
    judge_libraries,
    judge_processor,
    judge_torch,
    judge_window,
)
from ._probe import ask


def command(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Say what this computer offers: Python, PyTorch, GPU, windows, disk, libraries; with advice."""
    facts = examine()
    findings = judge(facts)
    if as_json:
        _output.emit({"findings": [asdict(finding) for finding in findings], **facts})
        return
    for finding in findings:
        typer.echo(f"{finding.state:8} {finding.name:10} {finding.text}")
        if finding.advice:
            typer.echo(f"{'':19} -> {finding.advice}")
    typer.echo(_summary(findings))


def examine() -> dict[str, Any]:
    """The facts, without judgement. torch and Qt are asked in processes of their own, side by side."""
    import psutil

    screen, missing = has_screen(), missing_qt_libraries()
    with ThreadPoolExecutor() as pool:
        torch = pool.submit(ask, "torch")
        qt = pool.submit(ask, "qt") if screen and not missing else None
        nvidia = nvidia_gpus()
        memory = psutil.virtual_memory()
        return {
            "emdiff": {"version": __version__, "folder": str(Path(__file__).parents[1])},
            "python": {
                "version": platform.python_version(),
                "system": f"{platform.system()} {platform.machine()}",
                "program": sys.executable,
            },
            "torch": torch.result(),
            "nvidia_gpus": nvidia,
            "cores": len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count() or 1,
            "memory": {"total_bytes": memory.total, "available_bytes": memory.available},
            "screen": screen,
            "qt": qt.result() if qt else None,
            "missing_libraries": missing,
            "disk_free_bytes": _disk_free(),
            "versions": _versions(),
        }


def judge(facts: dict[str, Any]) -> list[Finding]:
    """One finding for each thing a user may ask about."""
    python = facts["python"]
    return [
        Finding("EMDiff", "OK", f"{facts['emdiff']['version']} in {facts['emdiff']['folder']}"),
        Finding("Python", "OK", f"{python['version']} on {python['system']}, {python['program']}"),
        judge_torch(facts["torch"]),
        judge_gpu(facts["torch"], facts["nvidia_gpus"]),
        judge_processor(facts["torch"], facts["cores"], facts["memory"]),
        judge_window(facts["qt"] or {}, facts["missing_libraries"], facts["screen"]),
        judge_disk(facts["disk_free_bytes"]),
        judge_libraries(facts["versions"]),
    ]


def _disk_free() -> dict[str, int]:
    """Free bytes where results go and where temporary files go; one entry if it is the same disk."""
    places = {Path.cwd().stat().st_dev: Path.cwd()}
    temporary = Path(tempfile.gettempdir())
    places.setdefault(temporary.stat().st_dev, temporary)
    return {str(place): shutil.disk_usage(place).free for place in places.values()}


def _versions() -> dict[str, str | None]:
    """The installed version of every library that EMDiff asks for; None for one that is missing."""
    try:
        wanted = importlib.metadata.requires("emdiff") or []
    except importlib.metadata.PackageNotFoundError:  # run from a folder, without being installed
        wanted = []
    names = [re.split(r"[\s\[<>=!~;(]", line)[0] for line in wanted if "extra ==" not in line]
    optional = {name: _version(name) for name in ("napari", "PySide6-Essentials")}
    return {name: _version(name) for name in names} | {n: v for n, v in optional.items() if v}


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _summary(findings: list[Finding]) -> str:
    problems = sum(finding.state == "problem" for finding in findings)
    notes = sum(finding.state == "note" for finding in findings)
    if not problems and not notes:
        return "Everything is in order."
    counted = [_count(problems, "problem"), _count(notes, "note")]
    return " and ".join(words for words in counted if words) + "."


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' if number > 1 else ''}" if number else ""
