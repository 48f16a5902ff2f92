"""Step 2: how the clean images became the recorded ones."""

from dataclasses import replace

from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QFormLayout, QWidget

from emdiff_app.gui.model_form import Blur, ModelForm, Noise
from emdiff_app.gui.session import Session

from .section import Section, button, line, named, text

__all__ = ["ModelPanel"]


class ModelPanel(Section):
    """Shows `session.form` and makes a new one of what is typed."""

    def __init__(self, session: Session) -> None:
        super().__init__(2, "What went wrong")
        self.session = session
        self._showing = False
        self.noise = text(name="Noise")
        self.offset = self._number(
            "Offset", 0, 65535, 1, " grey levels", "What the camera records in the dark."
        )
        self.gain = self._number("Gain", 0, 10000, 3, " grey levels per photon", "0 means no photon noise.")
        self.read = self._number("Read noise", 0, 10000, 2, " grey levels", "Standard deviation in the dark.")
        self.estimate = button(
            "Estimate for me", session.estimate, "Measure the noise on the first ticked image."
        )
        self.type = button("Type it in", self._known, "From the data sheet or a calibration of the camera.")
        self.load = button("Load model...", self._load, "Read an imaging model from a JSON file.")
        self.blur = named(QCheckBox("Blur"), "Blur", "The optics or the focus smeared the image.")
        self.kind = named(QComboBox(), "Kind of blur")
        self.kind.addItem("Gaussian", "gaussian")
        self.kind.addItem("From microscope", "microscope")
        self.fwhm = self._number("Width of the blur", 0.001, 100, 3, " um", "Full width at half maximum.")
        self.na = self._number("Numerical aperture", 0.05, 1.7, 2, "", "As printed on the objective.")
        self.wavelength = self._number("Emission wavelength", 101, 2999, 0, " nm", "Of the light recorded.")
        self.index = self._number(
            "Refractive index", 1, 2.5, 3, "", "Of the immersion: oil 1.515, water 1.33."
        )
        self.other = text(name="Further steps of the model")
        self._lay_out()
        self._showing = True
        self._fill_blur(Blur())
        self.blur.toggled.connect(self._typed)
        self.kind.currentIndexChanged.connect(self._typed)
        session.events.form.connect(self._show)
        self._show()

    def _number(
        self, name: str, low: float, high: float, decimals: int, unit: str, tip: str
    ) -> QDoubleSpinBox:
        box = named(QDoubleSpinBox(), name, tip)
        box.setDecimals(decimals)
        box.setRange(low, high)
        box.setSingleStep(10.0**-decimals * (10 if decimals > 1 else 1))
        box.setSuffix(unit)
        box.setKeyboardTracking(False)
        box.valueChanged.connect(self._typed)
        return box

    def _lay_out(self) -> None:
        self.body.addWidget(self.noise)
        self.numbers = QWidget()
        noise = QFormLayout(self.numbers)
        noise.setContentsMargins(0, 0, 0, 0)
        for title, box in (("Offset", self.offset), ("Gain", self.gain), ("Read noise", self.read)):
            noise.addRow(title, box)
        self.body.addWidget(self.numbers)
        self.body.addLayout(line(self.estimate, self.type, self.load))
        self.body.addLayout(line(self.blur, self.kind))
        self.fields = QWidget()
        blur = QFormLayout(self.fields)
        blur.setContentsMargins(0, 0, 0, 0)
        self.rows: dict[str, list[QDoubleSpinBox]] = {
            "gaussian": [self.fwhm],
            "microscope": [self.na, self.wavelength, self.index],
        }
        for box in (self.fwhm, self.na, self.wavelength, self.index):
            blur.addRow(box.accessibleName(), box)
        self.blur_form = blur
        self.body.addWidget(self.fields)
        self.body.addWidget(self.other)

    def _known(self) -> None:
        self.session.form = replace(self.session.form, noise=Noise())

    def _load(self) -> None:
        for path in self.session.host.ask_files("Load an imaging model", "Imaging model (*.json)")[:1]:
            self.session.load_model(path)

    def _typed(self) -> None:
        if self._showing:
            return
        source = self.sender()
        noise = self.session.form.noise
        if source in (self.offset, self.gain, self.read):
            noise = Noise(self.offset.value(), self.gain.value(), self.read.value())
        self.session.form = replace(self.session.form, noise=noise, blur=self._blur())

    def _blur(self) -> Blur | None:
        return self._typed_blur() if self.blur.isChecked() else None

    def _typed_blur(self) -> Blur:
        """What the fields say, even while the blur is off: it is not forgotten."""
        return Blur(
            self.kind.currentData(),
            self.fwhm.value(),
            self.na.value(),
            self.wavelength.value(),
            self.index.value(),
        )

    def _show(self) -> None:
        form: ModelForm = self.session.form
        self._showing = True
        noise = form.noise or Noise()
        for box, value in (
            (self.offset, noise.offset),
            (self.gain, noise.gain),
            (self.read, noise.read_noise),
        ):
            box.setValue(value)
        if form.blur is not None:
            self._fill_blur(form.blur)
        self.blur.setChecked(form.blur is not None)
        self._showing = False
        self._show_words(form)

    def _fill_blur(self, blur: Blur) -> None:
        self.kind.setCurrentIndex(self.kind.findData(blur.kind))
        self.fwhm.setValue(blur.fwhm_um)
        self.na.setValue(blur.na)
        self.wavelength.setValue(blur.wavelength_nm)
        self.index.setValue(blur.index)

    def _show_words(self, form: ModelForm) -> None:
        self.noise.setText(
            "Noise of the camera:"
            if form.noise
            else "Noise: not known yet; it is measured when learning starts."
        )
        self.numbers.setVisible(form.noise is not None)
        self.type.setVisible(form.noise is None)
        self.kind.setEnabled(form.blur is not None)
        self.fields.setVisible(form.blur is not None)
        for kind, boxes in self.rows.items():
            for box in boxes:
                self.blur_form.setRowVisible(box, kind == self.kind.currentData())
        self.other.setText(f"Also in this model: {form.other_words()}." if form.other else "")
        self.other.setVisible(bool(form.other))
