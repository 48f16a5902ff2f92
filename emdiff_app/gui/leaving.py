"""What to ask before a window closes while it is learning, and what is done then."""

import shutil
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path

from qtpy.QtWidgets import QMessageBox, QWidget

from .session import Session
from .unfinished import mark_later

__all__ = ["Ask", "Leaving", "ask_leaving", "part_from", "wind_up"]

PATIENCE_S = 60.0


class Leaving(Enum):
    KEEP_LEARNING = auto()
    STOP = auto()
    DISCARD = auto()
    CANCEL = auto()


Ask = Callable[[QWidget], Leaving]


def ask_leaving(parent: QWidget) -> Leaving:
    """Keep it learning in the background, stop and keep, discard, or stay."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("Learning is still at work")
    box.setText("Learning is still at work.")
    box.setInformativeText(
        "It can go on without the window; File > Open run... shows it again. Or pause it here: all that was "
        "learned is kept, and Resume goes on with it later."
    )
    roles = QMessageBox.ButtonRole
    choices = {
        box.addButton("Keep learning in the background", roles.AcceptRole): Leaving.KEEP_LEARNING,
        box.addButton("Pause and close", roles.AcceptRole): Leaving.STOP,
        box.addButton("Discard", roles.DestructiveRole): Leaving.DISCARD,
    }
    stay = box.addButton("Cancel", roles.RejectRole)
    box.setEscapeButton(stay)
    box.exec()
    return choices.get(box.clickedButton(), Leaving.CANCEL)


def part_from(session: Session, ask: Ask, parent: QWidget) -> Leaving:
    """Ask what is to become of a run at work, if there is one; stop it where that is the answer."""
    if not (session.learning_job.alive and session.learning.state.busy):
        return Leaving.KEEP_LEARNING
    choice = ask(parent)
    if choice in (Leaving.STOP, Leaving.DISCARD):
        session.stop_learning()
        if choice is Leaving.DISCARD:
            session.stop_learning()  # twice: at once
        session.learning_job.join(None if choice is Leaving.DISCARD else PATIENCE_S)
    return choice


def wind_up(session: Session, choice: Leaving, run: Path | None) -> None:
    """After the answer: remember what was only paused, delete what was discarded."""
    run = session.learning_job.folder or run  # it may have been moved since the question was asked
    if choice is Leaving.STOP and run is not None and not session.learning_job.alive:
        mark_later(run)
    if choice is Leaving.DISCARD and run is not None:
        shutil.rmtree(run, ignore_errors=True)
