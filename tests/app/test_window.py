"""The standalone window."""

import subprocess
import sys
import threading

import fake_worker
import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QAbstractButton, QMessageBox

from emdiff_app.app.mishaps import Mishaps
from emdiff_app.app.settings import SettingsFile
from emdiff_app.app.window import MainWindow
from emdiff_app.gui import Result
from emdiff_app.gui.jobs import JobState
from emdiff_app.gui.leaving import OURS, Leaving, ask_leaving
from emdiff_app.gui.restoration import Restored
from emdiff_app.gui.unfinished import find_unfinished
from emdiff_app.images import open_stack, stack_from_array
from emdiff_app.resources import resource_path
from emdiff_app.restoring import Cancelled


@pytest.fixture
def asked():
    """What the window was asked on leaving, and what is answered."""
    return {"count": 0, "answer": Leaving.STOP, "texts": []}


@pytest.fixture
def window(qtbot, tmp_path, asked):
    def ask(parent, question):
        asked["count"] += 1
        asked["texts"].append(question.text)
        return asked["answer"]

    made = MainWindow(tmp_path / "runs", ask=ask, settings=SettingsFile(tmp_path / "window.json"))
    with qtbot.waitExposed(made):
        made.show()
    yield made
    asked["answer"] = Leaving.DISCARD
    made.close()
    made.deleteLater()


def action(window, title):
    menus = [a.menu() for a in window.menuBar().actions()]
    return next(a for menu in menus for a in menu.actions() if a.text().replace("&", "") == title)


def learn(window, qtbot, mode):
    window.session.learning_job._command = fake_worker.command(mode)
    action(window, "Try the example").trigger()
    qtbot.waitUntil(lambda: bool(window.session.images), timeout=60000)
    window.session.learn()
    qtbot.waitUntil(lambda: window.session.learning.saved_at is not None, timeout=60000)


def test_a_dropped_file_is_shown_with_its_pixel_size_and_saved_with_it(window, qtbot, tmp_path):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(resource_path("example/recorded.tif")))])
    button, key = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    window.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, button, key))
    qtbot.waitUntil(lambda: len(window.canvas.model.layers) == 1, timeout=60000)
    layer = window.canvas.model.layers[0]
    assert tuple(layer.scale[-2:]) == (0.1, 0.1)
    window.host.ask_new_file = lambda *_: tmp_path / "saved.ome.tif"
    action(window, "Save selected image as...").trigger()
    qtbot.waitUntil(lambda: window.session.message is not None, timeout=60000)
    with open_stack(tmp_path / "saved.ome.tif") as saved:
        assert saved.pixel_size["X"].value == pytest.approx(0.1)
        assert (saved.numpy() == layer.data).all()


def test_it_closes_without_asking_when_nothing_is_at_work(window, asked):
    window.close()
    assert asked["count"] == 0
    assert not window.isVisible()


def test_cancel_keeps_the_window_and_the_learning(window, qtbot, asked):
    learn(window, qtbot, "slow")
    asked["answer"] = Leaving.CANCEL
    window.close()
    assert asked["count"] == 1
    assert window.isVisible()
    assert window.session.learning.state is JobState.RUNNING


def test_pause_and_close_leaves_a_run_that_can_go_on(window, qtbot, asked):
    learn(window, qtbot, "slow")
    process, run = window.session.learning_job._process, window.session.learning.run
    window.close()
    assert not window.isVisible()
    assert process.wait(10) == 0
    assert (run / "prior.emprior").is_file()
    assert find_unfinished(run.parent).path == run


def test_keep_learning_leaves_the_worker_alone(window, qtbot, asked):
    learn(window, qtbot, "slow")
    process, run = window.session.learning_job._process, window.session.learning.run
    asked["answer"] = Leaving.KEEP_LEARNING
    window.close()
    assert process.poll() is None
    (run / "control" / "stop").touch()
    assert process.wait(10) == 0


def test_discard_removes_the_run(window, qtbot, asked):
    learn(window, qtbot, "deaf")
    process, run = window.session.learning_job._process, window.session.learning.run
    asked["answer"] = Leaving.DISCARD
    window.close()
    assert asked["count"] == 2
    assert process.wait(10) != 0
    qtbot.waitUntil(lambda: not run.exists())


@pytest.fixture
def restore(window, qtbot):
    """Restore an image, with `go` to let the restoration come to its end."""
    go = threading.Event()

    def work(talk):
        pixels = np.zeros((8, 9), np.float32)
        talk.parts((Result(stack_from_array(pixels, "YX", name="cells restored"), of, "restored"),))
        while not go.wait(0.01):
            if talk.should_stop():
                raise Cancelled
        return Restored("It can be trusted.")

    window.host.show_stack(stack_from_array(np.zeros((8, 9), np.float32), "YX", name="cells"))
    of = window.session.images[0].key
    window.session.restoring_job.start(work)
    qtbot.waitUntil(lambda: len(window.session.images) == 2)
    return go


def test_a_restoration_at_work_does_not_go_with_the_window_unasked(window, qtbot, asked, restore):
    asked["answer"] = Leaving.CANCEL
    window.close()
    assert asked["texts"] == ["Restoring is still at work."]
    assert window.isVisible()
    restore.set()  # it went on
    qtbot.waitUntil(lambda: window.session.restoring.state is JobState.DONE)


@pytest.mark.parametrize("way_out", ["save", "remove"])
def test_a_result_that_was_never_saved_does_not_go_with_the_window_unasked(
    window, qtbot, asked, restore, tmp_path, way_out
):
    restore.set()
    qtbot.waitUntil(lambda: window.session.restoring.state is JobState.DONE)
    asked["answer"] = Leaving.CANCEL
    window.close()
    assert asked["texts"] == ["cells restored: not saved yet."]
    assert window.isVisible()
    layers = window.canvas.model.layers
    if way_out == "save":
        layers.selection.active = layers["cells restored"]
        window.host.ask_new_file = lambda *_: tmp_path / "saved.ome.tif"
        action(window, "Save selected image as...").trigger()
        qtbot.waitUntil(lambda: "Saved" in window.session.message.text, timeout=60000)
    else:
        layers.remove("cells restored")
    window.close()
    assert asked["count"] == 1
    assert not window.isVisible()


@pytest.mark.parametrize(
    ("title", "answer"),
    [
        ("Keep learning in the background", Leaving.KEEP_LEARNING),
        ("Pause and close", Leaving.STOP),
        ("Discard...", Leaving.DISCARD),
        ("Cancel", Leaving.CANCEL),
    ],
)
def test_the_question_means_what_its_buttons_say(qtbot, monkeypatch, title, answer):
    def press(box):
        qtbot.addWidget(box)
        button = next(b for b in box.findChildren(QAbstractButton) if b.text().replace("&", "") == title)
        button.click()

    monkeypatch.setattr(QMessageBox, "exec", press)
    assert ask_leaving(None, OURS) is answer


def test_two_windows_share_nothing(window, qtbot, tmp_path):
    other = MainWindow(tmp_path / "other", settings=SettingsFile(tmp_path / "other.json"))
    other.session.preset = "best"
    other.session.try_example()
    qtbot.waitUntil(lambda: len(other.session.images) == 1, timeout=60000)
    assert not window.session.images
    assert window.session.preset == "quick"
    other.close()
    other.deleteLater()


def test_opening_the_window_does_not_bring_torch(tmp_path):
    code = (
        "import sys; from pathlib import Path; from napari.qt import get_qapp; app = get_qapp();"
        "from emdiff_app.app.window import MainWindow; from emdiff_app.app.settings import SettingsFile;"
        f"here = Path({str(tmp_path)!r}); window = MainWindow(here, settings=SettingsFile(here / 'w.json'));"
        "window.show(); app.processEvents();"
        "print('torch' in sys.modules); window.close()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("False")


def test_a_missing_file_is_refused_before_any_window_opens(tmp_path):
    command = [sys.executable, "-m", "emdiff_app.cli", "app", str(tmp_path / "missing.tif")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "missing.tif does not exist" in done.stderr


def test_without_a_screen_it_says_so(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    if not sys.platform.startswith("linux"):
        pytest.skip("there is always a screen")
    done = subprocess.run([sys.executable, "-m", "emdiff_app.cli", "app"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "no screen" in done.stderr


def test_a_mistake_of_ours_is_said_in_the_window_with_the_traceback_in_the_details(window):
    told = []
    try:
        raise ZeroDivisionError("oh")
    except ZeroDivisionError as error:
        Mishaps(window.session, lambda *args: told.append(args))(type(error), error, error.__traceback__)
    assert len(told) == 1
    assert "Traceback" not in window.steps.messages.words.text()
    assert "ZeroDivisionError" in window.steps.messages.words.text()
    assert "Traceback" in window.session.message.details


def test_images_side_by_side(window, qtbot):
    action(window, "Images side by side").trigger()
    assert window.canvas.side_by_side
    action(window, "Images side by side").trigger()
    assert not window.canvas.side_by_side
