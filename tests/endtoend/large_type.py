"""What the test of large type runs in a process of its own, because a scale is set before Qt starts.

`python large_type.py FOLDER SCREENSHOTS WIDTH HEIGHT`: the steps one by one with a worker that only talks; says what
the scale was and how large the window became.
"""

import json
import sys
from pathlib import Path

import fake_worker
from napari.qt import get_qapp
from picturing import Pictures
from qtpy.QtTest import QTest

from emdiff_app.app.settings import SettingsFile
from emdiff_app.app.window import MainWindow
from emdiff_app.gui.leaving import Leaving


def until(so, seconds=120):
    for _ in range(seconds * 20):
        if so():
            return
        QTest.qWait(50)
    raise TimeoutError


def main(folder: Path, shots: Path, width: int, height: int) -> None:
    get_qapp()
    window = MainWindow(
        folder / "runs", lambda parent, question: Leaving.DISCARD, SettingsFile(folder / "window.json")
    )
    window.resize(width, height)
    window.show()
    pictures, session, steps = Pictures(shots), window.session, window.steps
    session.learning_job._command = fake_worker.command("slow")
    panels = {
        "images": steps.images,
        "what-went-wrong": steps.model,
        "learn": steps.learn,
        "restore": steps.restore,
        "share": steps.share,
    }
    session.try_example()
    until(lambda: bool(session.images and session.form.noise))
    session.message = None
    session.learn()
    until(lambda: len(session.learning.previews) > 1)
    for name, panel in panels.items():
        for other in panels.values():
            (other.expand if other is panel else other.collapse)(animate=False)
        steps.scroll.verticalScrollBar().setValue(0)
        pictures.keep(name, window, steps)
    for dock in window.docks:
        inside = dock.widget()
        least = inside.minimumSizeHint()
        assert inside.width() >= least.width(), f"{dock.objectName()} is too narrow for what is in it"
        assert inside.height() >= least.height(), f"{dock.objectName()} is too low for what is in it"
    print(json.dumps({"ratio": window.devicePixelRatioF(), "size": [window.width(), window.height()]}))
    window.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
