"""The newcomer's path without a mouse."""

import fake_worker
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QComboBox

from emdiff_app.gui.dialogs.export import ExportDialog
from emdiff_app.gui.jobs import JobState

S = JobState


def go_to(dock, qtbot, name, key=Qt.Key.Key_Tab):
    """Press Tab until the control of that name has the focus."""
    seen = []
    for _ in range(250):
        widget = QApplication.focusWidget() or dock.steps.images.files
        seen.append(widget.accessibleName())
        if widget.accessibleName() == name:
            return widget
        qtbot.keyClick(widget, key)
    raise AssertionError(f"{name} is out of reach; reached were {sorted(set(seen))}")


def test_a_newcomer_gets_through_with_the_keyboard_alone(dock, session, host, qtbot, tmp_path):
    session.learning_job._command = fake_worker.command("slow")
    qtbot.waitUntil(dock.isActiveWindow, timeout=60000)
    dock.steps.images.files.setFocus()

    def press(name, key=Qt.Key.Key_Space):
        qtbot.keyClick(go_to(dock, qtbot, name), key)

    press("Try the example")
    qtbot.waitUntil(lambda: bool(session.images and session.form.noise), timeout=60000)
    press("Start learning")
    qtbot.waitUntil(lambda: session.learning.saved_at is not None, timeout=60000)
    press("Stop and keep")
    qtbot.waitUntil(lambda: session.learning.state is S.STOPPED, timeout=60000)
    box = go_to(dock, qtbot, "Image to restore")
    assert isinstance(box, QComboBox)
    assert go_to(dock, qtbot, "Restore").isEnabled()
    host.answers = [tmp_path / "mine.emprior"]
    press("Export prior")
    qtbot.waitUntil(lambda: bool(dock.findChildren(ExportDialog)), timeout=60000)
    (dialog,) = dock.findChildren(ExportDialog)
    qtbot.keyClick(dialog, Qt.Key.Key_Return)
    qtbot.waitUntil((tmp_path / "mine.emprior").exists, timeout=60000)


def test_the_way_back_reaches_the_same_controls(dock, session, qtbot):
    qtbot.waitUntil(dock.isActiveWindow, timeout=60000)
    dock.steps.images.files.setFocus()
    go_to(dock, qtbot, "Start learning")
    go_to(dock, qtbot, "Files", Qt.Key.Key_Backtab)


def test_a_step_is_folded_with_the_keyboard(dock, qtbot):
    toggle = dock.steps.learn.toggleButton()
    toggle.setFocus()
    qtbot.keyClick(toggle, Qt.Key.Key_Space)
    assert not dock.steps.learn.isExpanded()
