"""A host without a viewer, and a session on it."""

import dataclasses
import time
from pathlib import Path

import numpy as np
import pytest
from psygnal import Signal
from qtpy.QtCore import Qt

from emdiff_app.gui.dock import Dock
from emdiff_app.gui.host import ImageRef, MaskRef
from emdiff_app.gui.session import Session
from emdiff_app.images import PixelSize, stack_from_array


class FakeHost:
    """Keeps what it is shown in lists; answers dialogs with what the test has laid ready."""

    images_changed = Signal()

    def __init__(self) -> None:
        self.refs: list[ImageRef] = []
        self.results = []
        self.answers = []
        self.masks = {}
        self.renewed, self.whole, self.removed = [], set(), set()

    def add(self, name="cells", is_result=False, **changes) -> ImageRef:
        pixels = np.random.default_rng(len(self.refs)).poisson(40, (3, 48, 48)).astype(np.uint16)
        stack = stack_from_array(
            pixels, "ZYX", pixel_size={"Y": PixelSize(0.1), "X": PixelSize(0.1)}, name=name
        )
        ref = ImageRef(f"key {len(self.refs)}", name, stack.with_(**changes), is_result=is_result)
        self.refs.append(ref)
        self.images_changed.emit()
        return ref

    def list_images(self):
        return list(self.refs)

    def list_masks(self):
        return [MaskRef(key, key) for key in self.masks]

    def mask(self, key):
        return self.masks.get(key)

    def new_mask(self, of):
        self.masks["drawn"] = np.zeros((48, 48), bool)
        self.images_changed.emit()
        return "drawn"

    def show_stack(self, stack, read=()):
        self.refs.append(ImageRef(f"key {len(self.refs)}", stack.name, stack))
        self.images_changed.emit()

    def correct(self, key, axes=None, pixel_size=None):
        (at,) = (i for i, ref in enumerate(self.refs) if ref.key == key)
        stack = self.refs[at].stack
        sizes = {axis: PixelSize(value) for axis, value in (pixel_size or {}).items()}
        stack = stack.with_(axes=axes or stack.axes, pixel_size={**stack.pixel_size, **sizes})
        self.refs[at] = dataclasses.replace(self.refs[at], stack=stack, axes_known=True)
        self.images_changed.emit()

    def add_result(self, result):
        self.results.append(result)
        return str(len(self.results) - 1)

    def renew_result(self, key, *, whole=False):
        self.renewed.append(key)
        if whole:
            self.whole.add(int(key))

    def remove_result(self, key):
        self.removed.add(int(key))

    def say(self, message): ...

    def ask_files(self, title, kinds):
        return self.answers.pop()

    def ask_new_file(self, title, suggestion, kinds) -> Path | None:
        return self.answers.pop()

    def ask_folder(self, title) -> Path | None:
        return self.answers.pop()

    def disconnect(self): ...


@pytest.fixture
def dock(session, qtbot):
    made = Dock(session)
    qtbot.addWidget(made, before_close_func=lambda d: d.steps.stop())
    made.resize(420, 900)
    with qtbot.waitExposed(made):
        made.show()
    made.activateWindow()
    return made


@pytest.fixture
def click(qtbot):
    def press(widget):
        assert widget.isVisible(), widget.accessibleName()
        assert widget.isEnabled(), widget.accessibleName()
        qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)

    return press


@pytest.fixture
def host():
    return FakeHost()


@pytest.fixture
def session(host, tmp_path):
    made = Session(host, runs_folder=tmp_path / "runs")
    yield made
    made.learning_job.stop()
    made.learning_job.stop()  # twice: at once
    made.learning_job.join(5)
    made.close()


@pytest.fixture
def until(session):
    """Poll the session until something is so."""

    def wait(so, seconds=60.0):
        end = time.monotonic() + seconds
        while not so():
            assert time.monotonic() < end, f"still {session.learning.state}, {session.restoring.state}"
            time.sleep(0.01)
            session.poll()

    return wait


@pytest.fixture
def small_prior(tmp_path):
    """A prior file with an untrained network, for grey images with values around 100."""
    from emdiff_app.diffusion import LearnedPrior
    from emdiff_app.images import IntensityScale
    from emdiff_app.physics import ImagingModel
    from emdiff_app.priors import Card, write_prior

    model = ImagingModel.parse({"noise": {"kind": "gaussian", "sigma": 5}})
    card = Card(
        size="tiny",
        channels=1,
        sigma_data=0.4,
        mean=0.5,
        scale=IntensityScale(offset=0, gain=200),
        model=model,
    )
    path = tmp_path / "small.emprior"
    write_prior(path, LearnedPrior("tiny", 1, 0.4, 0.5), card)
    return path
