"""The worker process of a run: started apart from the window, so that neither takes the other with it."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from emdiff_app.learning import RunFolder

__all__ = ["WorkerCommand", "exit_words", "last_words", "start_worker", "worker_command"]

WorkerCommand = Callable[[Path], Sequence[str]]
LOG = "worker.log"


def worker_command(run: Path) -> Sequence[str]:
    return [sys.executable, "-m", "emdiff_app.cli", "worker", str(run)]


def start_worker(run: RunFolder, command: WorkerCommand = worker_command) -> subprocess.Popen[bytes]:
    """Start it in a session of its own: closing the window, or Ctrl-C in its terminal, leaves it running."""
    if not run.is_worked_on:  # else they are another worker's, and this one will be refused
        run.clear_requests()
    with (run.path / LOG).open("ab") as log:
        if sys.platform == "win32":
            flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
            return subprocess.Popen(
                command(run.path), stdin=subprocess.DEVNULL, stdout=log, stderr=log, creationflags=flags
            )
        return subprocess.Popen(
            command(run.path), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def exit_words(code: int) -> str:
    """How a process ended, for a person."""
    if code == 0:
        return "ended without saying why"
    if code < 0 and os.name == "posix":
        with contextlib.suppress(ValueError):
            name = signal.Signals(-code).name
            hint = ", which is how a computer short of memory ends programs" if name == "SIGKILL" else ""
            return f"was ended by the system ({name}{hint})"
    return f"ended unexpectedly (exit code {code})"


def last_words(run: Path, length: int = 4000) -> str:
    """The end of what the worker printed, for Details."""
    try:
        with (run / LOG).open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - length))
            return log.read().decode(errors="replace")
    except OSError:
        return ""
