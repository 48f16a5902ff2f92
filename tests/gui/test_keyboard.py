"""The newcomer's path without a mouse, and whether the window stays alive meanwhile."""

import time

import fake_worker
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication, QComboBox

from emdiff_app.gui.dialogs.export import ExportDialog
from emdiff_app.gui.jobs import JobState
from emdiff_app.resources import resource_path

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


def test_the_window_stays_alive_while_it_learns(dock, session, host, qtbot):
    """Counted in time of the processor, so that a busy computer does not decide about it."""
    host.add()
    session.open_files([resource_path("example/model.json").with_name("recorded.tif")])
    qtbot.waitUntil(lambda: len(session.images) == 2, timeout=60000)
    session.form = session.form.with_noise(_noise())
    session.learning_job._command = fake_worker.command("slow")
    spent, last = [], [time.thread_time()]

    def tick():
        now = time.thread_time()
        spent.append(now - last[0])
        last[0] = now

    timer = QTimer()
    timer.timeout.connect(tick)
    session.learn()
    qtbot.waitUntil(lambda: len(session.learning.previews) > 1, timeout=60000)
    qtbot.wait(1500)  # the views are made and drawn once
    last[0] = time.thread_time()
    timer.start(10)
    qtbot.wait(4000)
    timer.stop()
    session.stop_learning()
    spent.sort()
    assert len(spent) > 20
    assert spent[int(0.95 * len(spent))] < 0.03
    assert spent[-1] < 0.15


def _noise():
    from emdiff_app.physics import GaussianNoise

    return GaussianNoise(sigma=1)
