"""Starting the standalone window."""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from emdiff_app import __version__
from emdiff_app.errors import EMDiffError
from emdiff_app.resources import resource_path

__all__ = ["run_app"]


def run_app(stacks: Sequence[Path] = (), example: bool = False) -> int:
    """Show the window and stay until it is closed."""
    missing = [stack for stack in stacks if not stack.exists()]
    if missing:
        raise EMDiffError(f"{missing[0]} does not exist, so it cannot be opened; check the path.")
    _need_a_screen()
    from napari.qt import get_qapp

    app = get_qapp(
        app_name="EMDiff",
        app_version=__version__,
        icon=str(resource_path("icons/emdiff.svg")),
        org_name="EMDiff",
        app_id="emdiff.window",
    )
    from .mishaps import Mishaps
    from .window import MainWindow

    window = MainWindow()
    sys.excepthook = Mishaps(window.session, sys.excepthook)
    # Ctrl-C ends the window at once, as in any program; a worker goes on and its run can be opened again.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    window.show()
    window.open_paths(stacks)
    if example:
        window.session.try_example()
    return int(app.exec())


def _need_a_screen() -> None:
    try:
        import napari  # noqa: F401
        import qtpy.QtWidgets  # noqa: F401
    except ImportError as error:
        raise EMDiffError(
            f"The window needs napari and Qt, and this installation lacks them ({error}); install them with: "
            f"{Path(sys.executable).name} -m pip install '.[app]', in the folder of EMDiff."
        ) from None
    from emdiff_app.system import has_screen

    if not has_screen():
        raise EMDiffError(
            "There is no screen here to open a window on; use the commands instead (emdiff --help), or "
            "connect with a display."
        )
