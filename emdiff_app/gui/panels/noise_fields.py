"""The noise of the camera: typed, or measured and the measurement shown."""

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QDoubleSpinBox, QVBoxLayout, QWidget

from emdiff_app.gui.model_form import Noise
from emdiff_app.gui.session import Session

from .section import button, form, line, number, text

if TYPE_CHECKING:
    from emdiff_app.gui.views.noise_plot import NoisePlot

__all__ = ["NoiseFields"]


class NoiseFields(QWidget):
    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._showing = False
        self.about = text(name="Noise")
        grey = " grey levels"
        dark = "What the camera records in the dark."
        self.offset = self._number("Offset", "offset", (-65535, 65535), 1, grey, dark)
        photon = " grey levels per photon"
        self.gain = self._number("Gain", "gain", (0, 10000), 3, photon, "0 means no photon noise.")
        scatter = "Standard deviation in the dark."
        self.read = self._number("Read noise", "read_noise", (0, 10000), 2, grey, scatter)
        self.numbers, _ = form(("Offset", self.offset), ("Gain", self.gain), ("Read noise", self.read))
        self.estimate = button(
            "Estimate for me", session.estimate, "Measure the noise on the first ticked image."
        )
        self.type = button("Type it in", self._known, "From the data sheet or a calibration of the camera.")
        self.fit = button(
            "Show fit", self._show_fit, "The measured noise over the brightness, and the fitted line."
        )
        self.fit.setCheckable(True)
        self.plot: NoisePlot | None = None
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.addWidget(self.about)
        self.column.addWidget(self.numbers)
        self.column.addLayout(line(self.estimate, self.type, self.fit))
        session.events.form.connect(self._show)
        session.events.noise_fit.connect(self._show)
        self._show()

    def _number(
        self, name: str, field: str, limits: tuple[float, float], decimals: int, unit: str, tip: str
    ) -> QDoubleSpinBox:
        def typed() -> None:
            self._typed(field, box.value())

        box = number(name, limits, decimals, unit, tip, typed, exact=True)
        return box

    def _known(self) -> None:
        self.session.form = replace(self.session.form, noise=Noise())

    def _typed(self, field: str, value: float) -> None:
        """Only what was typed is new; the rest stays as it was measured, whatever its box can show."""
        if not self._showing:
            known = self.session.form.noise or Noise()
            self.session.form = replace(self.session.form, noise=replace(known, **{field: value}))

    def _show(self) -> None:
        known = self.session.form.noise
        noise = known or Noise()
        self._showing = True
        self.offset.setValue(noise.offset)
        self.gain.setValue(noise.gain)
        self.read.setValue(noise.read_noise)
        self._showing = False
        self.about.setText(
            "Noise of the camera:" if known else "Noise: not known yet; it is measured when it is needed."
        )
        self.numbers.setVisible(known is not None)
        self.type.setVisible(known is None)
        self.fit.setVisible(self.session.noise_fit is not None)
        self._show_fit()

    def _show_fit(self) -> None:
        fit = self.session.noise_fit if self.fit.isChecked() else None
        if fit is not None and self.plot is None:
            from emdiff_app.gui.views.noise_plot import NoisePlot  # plots are loaded when one is looked at

            self.plot = NoisePlot()
            self.column.addWidget(self.plot)
        if self.plot is not None:
            self.plot.setVisible(fit is not None)
            if fit is not None:
                self.plot.show_fit(fit)
