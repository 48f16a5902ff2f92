"""How long the window and napari take to open: `python -m emdiff_app.app.opening`.

Every try is a new process. What other programs took of the processor meanwhile is not counted where the system tells it
(Linux), so a busy machine gives nearly the same figures as an idle one; `_cpu` counts nothing but work of the main
thread, neither waiting for the disk nor for the screen. The first try, which fills the caches of the
disk, is left out. Needs a screen, or `xvfb-run` before the command.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

__all__ = ["kept_waiting_s", "measure", "seconds"]

TRIES = 3


def kept_waiting_s(thread: int | None = None) -> float:
    """How long a thread of this process, the present one unless another is named, was ready to run while others ran."""
    try:
        place = "thread-self" if thread is None else f"self/task/{thread}"
        return int(Path(f"/proc/{place}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0  # not Linux, or the thread has ended


def seconds(work: Callable[[], Any]) -> float:
    """How long some work takes, without what other programs took."""
    began, waited = time.monotonic(), kept_waiting_s()
    work()
    return time.monotonic() - began - (kept_waiting_s() - waited)


def measure(tries: int = TRIES) -> dict[str, float]:
    """The best of several tries of each, in seconds."""
    found: dict[str, list[float]] = {}
    for _ in range(tries + 1):
        for what in CHILDREN:
            for name, spent in _in_a_new_process(what).items():
                found.setdefault(name, []).append(spent)
    return {name: round(min(spent[1:]), 3) for name, spent in found.items()}


def _in_a_new_process(what: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as home:
        places = {f"XDG_{kind}_HOME": home for kind in ("CONFIG", "DATA", "CACHE")}
        done = subprocess.run(
            [sys.executable, "-m", __spec__.name, "--once", what],
            capture_output=True,
            text=True,
            env={**os.environ, **places},
        )
    if done.returncode:
        raise RuntimeError(f"The {what} did not open: {done.stderr[-2000:]}")
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def _when_seen(window: Any, name: str) -> None:
    """Say how long it took from the start of the process until the window is on the screen and drawn; then close it."""
    from qtpy.QtCore import QTimer

    def look() -> None:
        if not window.windowHandle().isExposed():
            QTimer.singleShot(5, look)
            return
        window.repaint()
        spent = time.time() - psutil.Process().create_time() - kept_waiting_s()
        print(json.dumps({name: spent, f"{name}_cpu": time.thread_time()}), flush=True)
        window.close()

    QTimer.singleShot(0, look)


def _window() -> None:
    """What `emdiff app` does."""
    from qtpy.QtWidgets import QMainWindow

    from . import run_app
    from . import window as room

    def shown(window: Any) -> None:
        QMainWindow.show(window)
        _when_seen(window, "window")

    room.MainWindow.show = shown
    run_app()


def _napari() -> None:
    """What `napari` does."""
    import napari

    viewer = napari.Viewer()
    _when_seen(viewer.window._qt_window, "napari")
    napari.run()


def _plugin() -> None:
    """What napari reads of the plugin when it starts, and what the panel takes when it is opened for the first time."""
    from npe2 import PluginManager, PluginManifest

    added = seconds(lambda: PluginManifest.from_distribution("emdiff"))
    import napari
    from qtpy.QtWidgets import QApplication

    PluginManager.instance().discover()
    viewer = napari.Viewer()
    QApplication.processEvents()

    def open_panel() -> None:
        viewer.window.add_plugin_dock_widget("emdiff")
        QApplication.processEvents()

    panel = seconds(open_panel)
    print(json.dumps({"plugin": added, "panel": panel}), flush=True)
    viewer.close()


CHILDREN = {"window": _window, "napari": _napari, "plugin": _plugin}


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure how long the window and the plugin take to open.")
    parser.add_argument("--tries", type=int, default=TRIES, help="So many of each; the best counts.")
    parser.add_argument("--once", choices=list(CHILDREN), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.once:
        CHILDREN[asked.once]()
    else:
        print(json.dumps(measure(asked.tries), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
