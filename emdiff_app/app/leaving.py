"""What to ask before the window closes while it is learning."""

from enum import Enum, auto

from qtpy.QtWidgets import QMessageBox, QWidget

__all__ = ["Leaving", "ask_leaving"]


class Leaving(Enum):
    KEEP_LEARNING = auto()
    STOP = auto()
    DISCARD = auto()
    CANCEL = auto()


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
