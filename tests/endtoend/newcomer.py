"""What a newcomer does in either host, with a real mouse and the real engine, only small."""

import dataclasses
import importlib

import numpy as np
from qtpy.QtCore import Qt

from emdiff_app.gui.dialogs.custom import CustomDialog
from emdiff_app.gui.dialogs.export import ExportDialog
from emdiff_app.gui.dialogs.import_ import ImportDialog
from emdiff_app.gui.dialogs.model_preview import PreviewDialog
from emdiff_app.gui.jobs import JobState
from emdiff_app.images import stack_from_array

TINY = {"size": "tiny", "rounds": 50, "crops": 8, "crop": 32, "held_out": 2, "batch": 4}
TINY |= {"denoising_steps": 2, "first_steps": 2, "steps": 2, "sampler_steps": 2, "gaussian_rounds": 1}


class Newcomer:
    """Clicks through the steps; `views` gives the views of a run once they are there, `keep` keeps a picture."""

    def __init__(self, qtbot, steps, views, layers, keep) -> None:
        self.qtbot, self.steps, self.views, self.layers = qtbot, steps, views, layers
        self.keep = keep
        self.session = steps.session
        self.session.changes = TINY

    def click(self, widget) -> None:
        assert widget.isEnabled(), f"{widget.accessibleName()}: {self.session.message}"
        self.steps.scroll.ensureWidgetVisible(widget)
        self.qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)

    def look(self, name, panel) -> None:
        """Scroll to a step and keep a picture."""
        self.steps.scroll.ensureWidgetVisible(panel, 0, 0)
        self.keep(name)

    def say_what_went_wrong(self) -> None:
        """Measure the noise, and look at all that there is to see."""
        session, model = self.session, self.steps.model
        self.look("images", self.steps.images)
        self.click(model.noise.estimate)
        self.qtbot.waitUntil(lambda: session.noise_fit is not None, timeout=60000)
        session.dismiss()
        self.click(model.noise.fit)
        self.click(model.blur.look)
        self.qtbot.waitUntil(
            lambda: model.blur.view is not None and model.blur.view.isVisible(), timeout=60000
        )
        self.look("what-went-wrong", model.noise)
        self.look("the-blur", model.blur)
        self.click(model.preview)
        self.qtbot.waitUntil(lambda: bool(model.findChildren(PreviewDialog)), timeout=60000)
        (dialog,) = model.findChildren(PreviewDialog)
        self.keep("preview-of-the-model", dialog)
        dialog.reject()
        self.click(model.blur.look)
        self.click(model.noise.fit)
        self.click(self.steps.learn.custom)
        (dialog,) = self.steps.learn.findChildren(CustomDialog)
        self.keep("custom", dialog)
        dialog.reject()

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
        self.look("learning", self.steps.learn)
        self.click(self.steps.learn.stop)
        self.qtbot.waitUntil(lambda: session.learning.state is JobState.STOPPED, timeout=120000)

    def restore(self) -> None:
        """One small plane, so that the test is about the window and not about patience."""
        session, recorded = self.session, self.layers[0]
        session.images = tuple(_one_plane(ref) for ref in session.images)
        importlib.import_module("torch")  # not what is waited for below
        self.click(self.steps.restore.modes["average"])
        self.look("stopped", self.steps.learn)
        self.click(self.steps.restore.start)
        self.look("restoring", self.steps.restore)
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
        self.look("restored", self.steps.restore)
        self.click(self.steps.restore.verdict.why)
        self.look("why", self.steps.restore.verdict)

    def compare(self) -> None:
        """With what the user would have done before."""
        session, before = self.session, len(self.layers)
        self.click(self.steps.restore.modes["other"])
        self.look("without-a-prior", self.steps.restore)
        self.click(self.steps.restore.start)
        self.qtbot.waitUntil(lambda: session.restoring.state.busy, timeout=60000)
        self.qtbot.waitUntil(lambda: session.restoring.state.ended, timeout=60000)
        assert session.restoring.state is JobState.DONE, session.message
        assert len(self.layers) == before + 1
        assert self.layers[-1].name == f"{self.layers[0].name} Richardson-Lucy"
        assert np.isfinite(self.layers[-1].data).all()
        np.testing.assert_allclose(self.layers[-1].contrast_limits, self.layers[0].contrast_limits)
        self.look("compared", self.steps.restore)

    def export(self, path) -> None:
        self.session.host.ask_new_file = lambda *_: path
        self.click(self.steps.share.give)
        found = self.steps.share.findChildren
        self.qtbot.waitUntil(lambda: bool(found(ExportDialog)), timeout=60000)
        self.keep("export", found(ExportDialog)[0])
        found(ExportDialog)[0].accept()
        self.qtbot.waitUntil(path.exists, timeout=60000)
        self.qtbot.waitUntil(lambda: "Exported" in self.session.message.text, timeout=60000)
        self.look("exported", self.steps.share)

    def import_again(self, path) -> None:
        """What a colleague sees of the file."""
        self.session.host.ask_files = lambda *_: [path]
        self.click(self.steps.share.take)
        found = self.steps.share.findChildren
        self.qtbot.waitUntil(lambda: bool(found(ImportDialog)), timeout=60000)
        self.keep("import", found(ImportDialog)[0])
        found(ImportDialog)[0].accept()
        assert self.session.prior == path


def _one_plane(ref):
    stack = ref.stack
    sizes = {axis: stack.pixel_size[axis] for axis in "YX"}
    small = stack_from_array(stack.plane((0,))[:64, :64], "YX", pixel_size=sizes, name=stack.name)
    return dataclasses.replace(ref, stack=small)
