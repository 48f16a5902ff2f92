"""Axes and pixel size of one image: shown, and put right."""

import itertools
from functools import partial

from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QFormLayout, QVBoxLayout, QWidget

from emdiff_app.gui.host import ImageRef
from emdiff_app.gui.session import Session
from emdiff_app.gui.session.image_wishes import AXIS_NAMES
from emdiff_app.images.units import to_um

from .section import Buttons, button, named, text

__all__ = ["ImageFacts"]

UNKNOWN = "not known: type it"


class ImageFacts(QWidget):
    """What is said about `self.ref`; what is typed here goes to the host's image."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.ref: ImageRef | None = None
        self._showing = False
        self.size = text(name="About the image")
        self.axes = named(QComboBox(), "Axes of the image", "What the axes of the image mean, first to last.")
        self.axes.activated.connect(lambda _: self._choose(self.axes.currentData()))
        self.pixel = self._length("Pixel size", "How far apart pixels are in the sample, along Y and X.")
        self.step = self._length("Step in depth", "How far apart planes are in the sample, along Z.")
        self.doubt = text(name="What is unclear about the image")
        self.answers = Buttons()
        self.form = QFormLayout()
        self.form.setContentsMargins(0, 0, 0, 0)
        for title, control in (("Axes", self.axes), ("Pixel size", self.pixel), ("Z step", self.step)):
            self.form.addRow(title, control)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.size, self.doubt, self.answers):
            layout.addWidget(widget)
        layout.addLayout(self.form)
        self.show_image(None)

    def _length(self, name: str, tip: str) -> QDoubleSpinBox:
        box = named(QDoubleSpinBox(), name, tip)
        box.setDecimals(4)
        box.setRange(0, 10000)
        box.setSingleStep(0.01)
        box.setSuffix(" um")
        box.setSpecialValueText(UNKNOWN)
        box.setKeyboardTracking(False)
        box.valueChanged.connect(self._typed)
        return box

    def show_image(self, ref: ImageRef | None) -> None:
        self.ref = ref
        self._showing = True
        self.size.setText(ref.size_words() if ref else "Open images, drop them here, or try the example.")
        self.answers.clear()
        for control in (self.axes, self.pixel, self.step):
            self.form.setRowVisible(control, ref is not None)
        if ref is not None:
            self._show_axes(ref)
            self._show_lengths(ref)
        doubts = self._doubts(ref) if ref else []
        self.doubt.setText("\n".join(f"⚠ {sentence}" for sentence in doubts))
        self.doubt.setVisible(bool(doubts))
        self.answers.setVisible(self.answers.count > 0)
        self._showing = False

    def _show_axes(self, ref: ImageRef) -> None:
        own, outer = ref.stack.axes, ref.stack.outer_axes
        plane = ref.stack.plane_axes
        self.axes.clear()
        choices = ["".join(c) + plane for c in itertools.combinations("TCZ", len(outer))]
        for axes in choices:
            meaning = ", ".join(AXIS_NAMES[a] for a in axes if a in AXIS_NAMES)
            self.axes.addItem(f"{' '.join(axes)}  ({meaning})" if meaning else " ".join(axes), axes)
        self.axes.setCurrentIndex(self.axes.findData(own))
        self.form.setRowVisible(self.axes, bool(outer))

    def _show_lengths(self, ref: ImageRef) -> None:
        sizes = ref.stack.pixel_size
        for box, axis in ((self.pixel, "X"), (self.step, "Z")):
            step = sizes.get(axis)
            # What is typed is taken as um, so nothing else is shown, whatever the file or layer counts in.
            box.setValue((to_um(step.value, step.unit) if step else None) or 0.0)
        self.form.setRowVisible(self.step, "Z" in ref.stack.axes)

    def _doubts(self, ref: ImageRef) -> list[str]:
        found = list(ref.notes)
        if not ref.axes_known:
            outer = ref.stack.outer_axes
            lengths = " and ".join(str(ref.stack.sizes[axis]) for axis in outer)
            if not any("axis" in sentence for sentence in found):
                found.append(f"I can't tell what the axis of length {lengths} means.")
            if len(outer) == 1:
                for axis, meaning in AXIS_NAMES.items():
                    axes = axis + ref.stack.plane_axes
                    self.answers.add(button(f"It is {meaning}", partial(self._choose, axes)))
            else:
                said = button("These axes are right", partial(self._choose, ref.stack.axes))
                self.answers.add(said)
        if not ref.stack.pixel_size.get("X"):
            found.append("No pixel size in the file; a PSF from microscope data needs it. Type it once.")
        return found

    def _choose(self, axes: str) -> None:
        ref = self.ref
        if ref is not None and (axes != ref.stack.axes or not ref.axes_known):
            self.session.correct(ref.key, axes=axes)

    def _typed(self) -> None:
        ref = self.ref
        if self._showing or ref is None:
            return
        pixel, step = self.pixel.value(), self.step.value()
        sizes = {"Y": pixel, "X": pixel} if self.sender() is self.pixel else {"Z": step}
        if all(sizes.values()):
            self.session.correct(ref.key, pixel_size=sizes)
