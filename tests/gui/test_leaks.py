"""Opening and closing, starting and stopping, many times over: nothing stays behind."""

import gc
import threading

import fake_worker
import psutil
import pytest
from qtpy.QtCore import QCoreApplication, QEvent
from qtpy.QtWidgets import QApplication

from emdiff_app.gui.dock import Dock
from emdiff_app.gui.jobs import JobState
from emdiff_app.gui.model_form import ModelForm, Noise
from emdiff_app.gui.session import Session

MB = 1 << 20


def settle():
    for _ in range(2):
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QApplication.processEvents()


def counted():
    gc.collect()
    settle()
    gc.collect()
    process = psutil.Process()
    return {
        "widgets": len(QApplication.allWidgets()),
        "threads": threading.active_count(),
        "processes": len(process.children(recursive=True)),
        "memory": process.memory_info().rss,
    }


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_hundred_docks_leave_nothing_behind(qapp, host, tmp_path):
    host.add()

    def cycle():
        dock = Dock(Session(host, runs_folder=tmp_path / "runs"))
        dock.show()
        QApplication.processEvents()
        dock.close()
        dock.deleteLater()
        settle()

    for _ in range(20):  # what is loaded once is no leak
        cycle()
    before = counted()
    for _ in range(180):
        cycle()
    after = counted()
    assert after["widgets"] == before["widgets"]
    assert after["threads"] <= before["threads"]
    assert after["processes"] == before["processes"]
    assert after["memory"] - before["memory"] < 20 * MB


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_fifty_runs_leave_nothing_behind(session, host, until):
    host.add()
    session.form = ModelForm(Noise(0, 1, 1))
    session.learning_job._command = fake_worker.command("slow")

    def cycle():
        session.learn()
        until(lambda: session.learning.state is JobState.RUNNING)
        session.stop_learning()
        until(lambda: session.learning.state is JobState.STOPPED)

    for _ in range(3):
        cycle()
    session.learning_job.join(5)
    before = counted()
    for _ in range(47):
        cycle()
    session.learning_job.join(5)
    after = counted()
    assert after["threads"] <= before["threads"]
    assert after["processes"] <= before["processes"]
    assert after["memory"] - before["memory"] < 20 * MB
