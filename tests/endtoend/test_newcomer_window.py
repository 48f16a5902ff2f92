"""A newcomer at the window: try the example, learn, watch, stop, restore, export, close. The real engine."""

import importlib

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from emdiff_app.app.leaving import Leaving
from emdiff_app.app.settings import SettingsFile
from emdiff_app.app.window import MainWindow
from emdiff_app.gui.dialogs.export import ExportDialog
from emdiff_app.gui.jobs import JobState
from emdiff_app.resources import resource_path

TINY = {"size": "tiny", "rounds": 50, "crops": 8, "crop": 32, "held_out": 2, "batch": 4}
TINY |= {"first_steps": 2, "steps": 2, "sampler_steps": 2, "gaussian_rounds": 1}


@pytest.fixture
def window(qtbot, tmp_path):
    settings = SettingsFile(tmp_path / "window.json")
    made = MainWindow(tmp_path / "runs", ask=lambda parent: Leaving.DISCARD, settings=settings)
    made.session.changes = TINY
    with qtbot.waitExposed(made):
        made.show()
    yield made
    made.close()
    made.deleteLater()


@pytest.mark.slow
def test_from_the_example_to_a_restored_image_and_a_prior_to_share(window, qtbot, tmp_path):
    steps, session = window.steps, window.session

    def click(widget: QWidget) -> None:
        assert widget.isEnabled(), f"{widget.accessibleName()}: {session.message}"
        qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)

    click(steps.images.example)
    qtbot.waitUntil(lambda: bool(session.images and session.form.noise), timeout=60000)
    layers = window.canvas.model.layers
    recorded = layers[0]

    click(steps.learn.start)
    pictures = window.views.previews.pictures
    qtbot.waitUntil(lambda: bool(pictures.images) or session.learning.state.ended, timeout=120000)
    assert session.learning.state is JobState.RUNNING, session.learning.failure + session.learning.details
    first = pictures.grab().toImage()
    qtbot.waitUntil(lambda: len(session.learning.previews) > 2, timeout=120000)
    qtbot.waitUntil(lambda: pictures.grab().toImage() != first, timeout=60000)
    click(steps.learn.stop)
    qtbot.waitUntil(lambda: session.learning.state is JobState.STOPPED, timeout=60000)

    # One small plane, so that the test is about the window and not about patience.
    session.images = tuple(_one_plane(ref) for ref in session.images)
    importlib.import_module("torch")  # not what is waited for below
    click(steps.restore.modes["average"])
    click(steps.restore.start)
    qtbot.waitUntil(lambda: session.restoring.state.ended, timeout=200000)
    assert session.restoring.state is JobState.DONE, session.message
    assert [layer.name for layer in layers] == [
        recorded.name, f"{recorded.name} uncertainty", f"{recorded.name} restored"
    ]  # fmt: skip
    for layer in layers[1:]:
        np.testing.assert_allclose(layer.scale, recorded.scale[-2:])
        assert layer.units == recorded.units[-2:]
        assert np.isfinite(layer.data).all()
    assert layers[1].data.max() > 0

    window.host.ask_new_file = lambda *_: tmp_path / "for a colleague.emprior"
    click(steps.share.give)
    qtbot.waitUntil(lambda: bool(window.findChildren(ExportDialog)), timeout=60000)
    window.findChildren(ExportDialog)[0].accept()
    qtbot.waitUntil((tmp_path / "for a colleague.emprior").exists)
    window.close()
    assert not window.isVisible()
    assert resource_path("example/recorded.tif").exists()


def _one_plane(ref):
    import dataclasses

    from emdiff_app.images import stack_from_array

    stack = ref.stack
    small = stack_from_array(
        stack.plane((0,))[:64, :64], "YX", pixel_size={a: stack.pixel_size[a] for a in "YX"}, name=stack.name
    )
    return dataclasses.replace(ref, stack=small)
