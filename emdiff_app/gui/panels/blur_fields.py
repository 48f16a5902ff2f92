"""The blur: of a microscope, from the image of a bead, Gaussian, or by motion; with a picture of it."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from emdiff_app.gui.host import IMAGE_KINDS
from emdiff_app.gui.model_form import Blur
from emdiff_app.gui.session import Session

from .section import button, form, line, named, number, text

if TYPE_CHECKING:
    from emdiff_app.gui.views.psf_view import PsfView

__all__ = ["BlurFields"]

TITLES = {
    "microscope": "From microscope",
    "image": "PSF image...",
    "gaussian": "Gaussian",
    "motion": "Motion",
}
UNITS = {"um": "um", "px": "pixels"}


class BlurFields(QWidget):
    """Below the box `on`, which stands with those of the other operators."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._showing = True
        self._kept = Blur()  # what the fields say, even while the blur is off: it is not forgotten
        self.on = named(QCheckBox("Blur"), "Blur", "The optics, the focus or a motion smeared the image.")
        self.kind = named(QComboBox(), "Kind of blur")
        for kind, title in TITLES.items():
            self.kind.addItem(title, kind)
        self._numbers()
        self.file = button(
            "Choose...", self._choose, "The image of a bead, or a computed PSF.", "Choose the PSF image"
        )
        self.path = text(name="PSF image")
        chosen = QWidget()
        chosen.setLayout(line(self.file, self.path, stretch=False))
        chosen.layout().setContentsMargins(0, 0, 0, 0)
        self.look = button("Show PSF", self._look, "A picture of the blur and the cross-section through it.")
        self.look.setCheckable(True)
        self.view: PsfView | None = None
        self.fields, self.rows = form(
            ("Width", _beside(self.width, self.unit)),
            ("Numerical aperture", self.na),
            ("Emission wavelength", self.wavelength),
            ("Refractive index", self.index),
            ("PSF", chosen),
            ("Length", _beside(self.length, self.length_unit)),
            ("Direction", self.angle),
        )
        self.of_kind = {
            "gaussian": (self.width.parentWidget(),),
            "microscope": (self.na, self.wavelength, self.index),
            "image": (chosen,),
            "motion": (self.length.parentWidget(), self.angle),
        }
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.addLayout(line(QLabel("Blur"), self.kind, self.look))
        self.column.addWidget(self.fields)
        self._fill(self._kept)
        self.on.toggled.connect(lambda _: self._say())
        self.kind.currentIndexChanged.connect(self._other_kind)
        for box in (self.unit, self.length_unit):
            box.currentIndexChanged.connect(lambda _, box=box: self._say(unit=box.currentData()))
        self._draw = QTimer(self, interval=300, singleShot=True)  # not at every key
        self._draw.timeout.connect(session.look_at_psf)
        session.events.form.connect(self._show)
        session.events.psf.connect(self._show_psf)
        self._show()

    def _numbers(self) -> None:
        self.width = self._number(
            "width", "Width of the blur", (0.001, 1000), 3, "", "Full width at half maximum."
        )
        self.unit = _units("Unit of the width")
        self.na = self._number("na", "Numerical aperture", (0.05, 1.7), 2, "", "As printed on the objective.")
        self.wavelength = self._number(
            "wavelength_nm", "Emission wavelength", (101, 2999), 0, " nm", "Of the light recorded."
        )
        immersion = "Of the immersion: oil 1.515, water 1.33, air 1."
        self.index = self._number("index", "Refractive index", (1, 2.5), 3, "", immersion)
        self.length = self._number(
            "length", "Length of the motion", (0.001, 2000), 2, "", "How far the image moved."
        )
        self.length_unit = _units("Unit of the length")
        along = "0 is along the rows; upwards is positive."
        self.angle = self._number("angle_deg", "Direction of the motion", (-180, 180), 0, " degrees", along)

    def _number(
        self, field: str, name: str, limits: tuple[float, float], decimals: int, unit: str, tip: str
    ) -> QDoubleSpinBox:
        def typed() -> None:
            self._say(**{field: box.value()})

        box = number(name, limits, decimals, unit, tip, typed, exact=True)
        return box

    def _choose(self) -> None:
        for path in self.session.host.ask_files("Choose a PSF image", IMAGE_KINDS)[:1]:
            self._say(kind="image", path=str(Path(path).absolute()))

    def _other_kind(self) -> None:
        kind = self.kind.currentData()
        self._say(kind=kind, unit=(self.length_unit if kind == "motion" else self.unit).currentData())

    def _say(self, **said: Any) -> None:
        """Only what was typed is new; the rest stays as it was read, whatever its box can show."""
        if not self._showing:
            self._kept = replace(self._kept, **said)
            self.session.form = replace(self.session.form, blur=self._kept if self.on.isChecked() else None)

    def _show(self) -> None:
        blur = self.session.form.blur
        self._showing = True
        if blur is not None:
            self._kept = blur
            self._fill(blur)
        self.on.setChecked(blur is not None)
        self._showing = False
        self.setVisible(blur is not None)
        for kind, controls in self.of_kind.items():
            for control in controls:
                self.rows.setRowVisible(control, kind == self.kind.currentData())
        self._look()

    def _fill(self, blur: Blur) -> None:
        self.kind.setCurrentIndex(self.kind.findData(blur.kind))
        unit = self.length_unit if blur.kind == "motion" else self.unit
        unit.setCurrentIndex(unit.findData(blur.unit))
        numbers: list[tuple[QDoubleSpinBox, float]] = [
            (self.width, blur.width),
            (self.na, blur.na),
            (self.wavelength, blur.wavelength_nm),
            (self.index, blur.index),
            (self.length, blur.length),
            (self.angle, blur.angle_deg),
        ]
        for box, value in numbers:
            box.setValue(value)
        self.path.setText(Path(blur.path).name if blur.path else "none chosen yet")
        self.path.setToolTip(blur.path)

    def _look(self) -> None:
        wanted = self.look.isChecked() and self.session.form.blur is not None
        if wanted:
            self._draw.start()
        self._show_psf()

    def _show_psf(self) -> None:
        psf = self.session.psf
        shown = psf is not None and self.look.isChecked() and self.session.form.blur is not None
        if shown and self.view is None:
            from emdiff_app.gui.views.psf_view import PsfView  # plots are loaded when one is looked at

            self.view = PsfView()
            self.column.addWidget(self.view)
        if self.view is not None:
            self.view.setVisible(shown)
            if shown and psf is not None:
                self.view.show_psf(psf)


def _units(name: str) -> QComboBox:
    box = named(QComboBox(), name, "um needs the pixel size of the images.")
    for unit, title in UNITS.items():
        box.addItem(title, unit)
    return box


def _beside(value: QWidget, unit: QWidget) -> QWidget:
    both = QWidget()
    row = QHBoxLayout(both)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(value, 1)
    row.addWidget(unit)
    return both
