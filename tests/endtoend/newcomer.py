"""What a newcomer does in either host, with a real mouse and the real engine, only small."""

import dataclasses
import importlib

import numpy as np
from qtpy.QtCore import Qt

from emdiff_app.gui.dialogs.export import ExportDialog
from emdiff_app.gui.jobs import JobState
from emdiff_app.images import stack_from_array

TINY = {"size": "tiny", "rounds": 50, "crops": 8, "crop": 32, "held_out": 2, "batch": 4}
TINY |= {"denoising_steps": 2, "first_steps": 2, "steps": 2, "sampler_steps": 2, "gaussian_rounds": 1}


class Newcomer:
    """Clicks through the steps; `views` gives the views of a run once they are there."""

    def __init__(self, qtbot, steps, views, layers) -> None:
        self.qtbot, self.steps, self.views, self.layers = qtbot, steps, views, layers
        self.session = steps.session
        self.session.changes = TINY

    def click(self, widget) -> None:
        assert widget.isEnabled(), f"{widget.accessibleName()}: {self.session.message}"
        self.qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)

    def learn_and_watch(self) -> None:
        session = self.session
        self.click(self.steps.learn.start)

        def pictures():
            views = self.views()
            return views.previews.pictures if views is not None else None

        def drawn():
            return pictures() is not None and bool(pictures().images)

        self.qtbot.waitUntil(lambda: drawn() or session.learning.state.ended, timeout=240000)
        assert session.learning.state is JobState.RUNNING, session.learning.failure + session.learning.details
        first = pictures().grab().toImage()
        self.qtbot.waitUntil(lambda: len(session.learning.previews) > 2, timeout=240000)
        self.qtbot.waitUntil(lambda: pictures().grab().toImage() != first, timeout=60000)
        self.click(self.steps.learn.stop)
        self.qtbot.waitUntil(lambda: session.learning.state is JobState.STOPPED, timeout=120000)

    def restore(self) -> None:
        """One small plane, so that the test is about the window and not about patience."""
        session, recorded = self.session, self.layers[0]
        session.images = tuple(_one_plane(ref) for ref in session.images)
        importlib.import_module("torch")  # not what is waited for below
        self.click(self.steps.restore.modes["average"])
        self.click(self.steps.restore.start)
        self.qtbot.waitUntil(lambda: session.restoring.state.ended, timeout=250000)
        assert session.restoring.state is JobState.DONE, session.message
        names = [recorded.name, f"{recorded.name} uncertainty", f"{recorded.name} restored"]
        assert [layer.name for layer in self.layers] == names
        for layer in self.layers[1:]:
            np.testing.assert_allclose(layer.scale, recorded.scale[-2:])
            assert layer.units == recorded.units[-2:]
            assert np.isfinite(layer.data).all()
        assert self.layers[1].data.max() > 0
        assert session.restored_words.verdict in self.steps.restore.verdict.verdict.text()

    def export(self, path) -> None:
        self.session.host.ask_new_file = lambda *_: path
        self.click(self.steps.share.give)
        found = self.steps.share.findChildren
        self.qtbot.waitUntil(lambda: bool(found(ExportDialog)), timeout=60000)
        found(ExportDialog)[0].accept()
        self.qtbot.waitUntil(path.exists, timeout=60000)


def _one_plane(ref):
    stack = ref.stack
    sizes = {axis: stack.pixel_size[axis] for axis in "YX"}
    small = stack_from_array(stack.plane((0,))[:64, :64], "YX", pixel_size=sizes, name=stack.name)
    return dataclasses.replace(ref, stack=small)
