"""Pictures of the window at every step, for the documentation: `python -m emdiff_app.app.screenshots FOLDER`.

The window is real and so is the learning, only short. Needs a screen, or `xvfb-run` before the command.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from napari.qt import get_qapp
from qtpy.QtCore import QEventLoop, QTimer

from emdiff_app.gui.leaving import Leaving
from emdiff_app.gui.panels.section import Section

from .settings import SettingsFile
from .window import MainWindow

__all__ = ["take_screenshots"]

SHORT = {"rounds": 2, "crops": 24, "crop": 48, "held_out": 4, "batch": 8}
SHORT |= {"denoising_steps": 80, "first_steps": 80, "steps": 40, "sampler_steps": 8, "gaussian_rounds": 3}


def take_screenshots(folder: Path, limit_s: float = 3600.0) -> list[Path]:
    """Go a newcomer's way and keep a picture of each station."""
    get_qapp()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as runs:
        window = MainWindow(
            Path(runs),
            ask=lambda parent, question: Leaving.DISCARD,
            settings=SettingsFile(Path(runs) / "settings.json"),
        )
        window.show()
        try:
            return _walk(window, folder, time.monotonic() + limit_s)
        finally:
            window.close()


def _walk(window: MainWindow, folder: Path, end: float) -> list[Path]:
    session, learn = window.session, window.steps.learn
    taken = []

    def keep(name: str) -> None:
        _wait(1.2)  # the slowest timer of the window
        taken.append(folder / f"{name}.png")
        window.grab().save(str(taken[-1]))

    def until(so: Callable[[], bool], what: str) -> None:
        while not so():
            if time.monotonic() > end:
                raise TimeoutError(f"{what} took too long: {session.message}")
            _wait(0.1)

    def only(*panels: Section) -> None:
        """Fold all steps but these."""
        steps = window.steps
        for panel in (steps.images, steps.model, steps.learn, steps.restore, steps.share):
            (panel.expand if panel in panels else panel.collapse)(animate=False)

    steps = window.steps
    keep("window-open")
    session.try_example()
    until(lambda: bool(session.images and session.form.noise), "Opening the example")
    session.estimate()
    until(lambda: session.noise_fit is not None, "Measuring the noise")
    session.message = None
    steps.model.noise.fit.click()
    steps.model.blur.look.click()
    until(lambda: session.psf is not None, "Drawing the PSF")
    only(steps.model)
    keep("window-model")
    session.changes = SHORT
    only(steps.images, steps.learn, steps.restore)
    learn.start.click()
    until(lambda: len(session.learning.previews) > 1 or session.learning.state.ended, "Learning")
    keep("window")
    until(lambda: session.learning.state.ended, "Learning")
    only(steps.restore, steps.share)
    steps.restore.start.click()
    until(lambda: session.restoring.state.ended, "Restoring")
    session.message = None
    keep("window-restored")
    return taken


def _wait(seconds: float) -> None:
    loop, timer = QEventLoop(), QTimer()
    timer.setSingleShot(True)
    timer.timeout.connect(loop.quit)
    timer.start(int(1000 * seconds))
    loop.exec()


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the pictures of the window for the documentation.")
    parser.add_argument("folder", type=Path, help="Where to write them, such as docs/pictures.")
    for path in take_screenshots(parser.parse_args().folder):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
