"""What to ask before a window closes while it is learning, and what is done when it has closed."""

import contextlib
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from qtpy.QtWidgets import QMessageBox, QWidget

from .jobs import LearningJob
from .session import Session
from .unfinished import is_free, mark_later

__all__ = ["Ask", "Leaving", "Question", "ask_leaving", "part_from", "wind_up"]

PATIENCE_S = 60.0


class Leaving(Enum):
    KEEP_LEARNING = auto()
    STOP = auto()
    DISCARD = auto()
    CANCEL = auto()


@dataclass(frozen=True)
class Question:
    """What to say, and what each button means; Cancel is always among them."""

    text: str
    more: str
    answers: Mapping[str, Leaving]


Ask = Callable[[QWidget, Question], Leaving]

KEEP = {
    "Keep learning in the background": Leaving.KEEP_LEARNING,
    "Pause and close": Leaving.STOP,
}
OURS = Question(
    "Learning is still at work.",
    "It can go on without the window; File > Open run... shows it again. Or pause it here: all that was "
    "learned is kept, and Resume goes on with it later.",
    {**KEEP, "Discard...": Leaving.DISCARD},
)
ANOTHERS = Question(
    "Another process is learning in the run that is shown.",
    "It was not started by this window and goes on without it. Or pause it: all that was learned is kept, "
    "and Resume goes on with it later.",
    KEEP,
)


def ask_leaving(parent: QWidget, question: Question) -> Leaving:
    """Put the question in a box of its own."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle(question.text.rstrip("."))
    box.setText(question.text)
    box.setInformativeText(question.more)
    roles = QMessageBox.ButtonRole
    choices = {
        box.addButton(words, roles.DestructiveRole if meant is Leaving.DISCARD else roles.AcceptRole): meant
        for words, meant in question.answers.items()
    }
    stay = box.addButton("Cancel", roles.RejectRole)
    box.setEscapeButton(stay)
    if set(choices.values()) == {Leaving.DISCARD}:
        box.setDefaultButton(stay)
    box.exec()
    return choices.get(box.clickedButton(), Leaving.CANCEL)


def part_from(session: Session, ask: Ask, parent: QWidget, *, results: bool = True) -> Leaving:
    """Ask what is to become of what is at work or unsaved. Nothing is done yet: the window may still stay.

    `results` that are in no file are left out where the host asks for its layers itself.
    """
    session.poll()  # what has ended a moment ago needs no question, or another one
    lost = _lost(session, results)
    if lost is not None and ask(parent, lost) is Leaving.CANCEL:
        return Leaving.CANCEL
    job = session.learning_job
    if not (job.alive and session.learning.state.busy):
        return Leaving.KEEP_LEARNING
    choice = ask(parent, OURS if job.own else ANOTHERS)
    if choice is not Leaving.DISCARD:
        return choice
    return ask(parent, _sure(job.folder)) if job.own else Leaving.KEEP_LEARNING


def _lost(session: Session, results: bool) -> Question | None:
    """What ends with the window and cannot be had again without computing it anew."""
    names = [ref.name for ref in session.images if results and ref.key in session.unsaved]
    restoring = session.restoring.state.busy
    if not (names or restoring):
        return None
    at_work = "Restoring is still at work." if restoring else ""
    in_no_file = f"{', '.join(names)}: not saved yet." if names else ""
    ends = "Restoring ends with the window, and the image that it is at is lost. " if restoring else ""
    goes = "What was not saved is lost; File > Save selected image as... keeps it. " if names else ""
    return Question(
        " ".join(filter(None, (at_work, in_no_file))),
        f"{ends}{goes}Files that are written already stay.",
        {"Close all the same": Leaving.DISCARD},
    )


def _sure(run: Path | None) -> Question:
    return Question(
        f"Discard {run.name if run else 'the run'} for good?",
        "All that this run has learned will be deleted, and cannot be brought back; your images stay.",
        {"Discard for good": Leaving.DISCARD},
    )


def wind_up(session: Session, choice: Leaving) -> None:
    """The window closes: pause the run, or delete it, or let it go on. The window does not wait for that."""
    job = session.learning_job
    discard = choice is Leaving.DISCARD and job.own
    if choice is Leaving.STOP or discard:
        session.stop_learning()
    if discard:
        session.stop_learning()  # twice: at once
    session.close()
    if job.folder is None:
        return
    if choice is Leaving.STOP and job.folder.is_dir():
        with contextlib.suppress(OSError):  # a full disk: then it is only not offered at the next start
            mark_later(job.folder)
    if discard:
        # No daemon: the program ends when the run is gone.
        threading.Thread(target=_delete, args=(job,), name="emdiff discarding", daemon=False).start()


def _delete(job: LearningJob) -> None:
    """Once nobody writes into it any more; another process may have been at work on it all the time."""
    job.join(PATIENCE_S)
    if job.folder is not None and not job.alive and is_free(job.folder):
        shutil.rmtree(job.folder, ignore_errors=True)
