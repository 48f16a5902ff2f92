"""Which method instead of the prior, and its settings."""

from dataclasses import replace
from functools import partial

from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QLabel, QSizePolicy, QVBoxLayout, QWidget

from emdiff_app.gui.other_methods import METHODS, Number
from emdiff_app.gui.session import Session

from .section import line, named, number, text

__all__ = ["OtherMethodChoice"]


class OtherMethodChoice(QWidget):
    """Shows and changes `wanted.method` and `wanted.settings`."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.method = named(QComboBox(), "Method without a prior")
        self.method.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        for name, words in METHODS.items():
            self.method.addItem(words.title, name)
        self.method.activated.connect(lambda _: self._choose())
        self.about = text(name="What the method does")
        self.numbers: dict[str, QDoubleSpinBox] = {}
        self._rows = QVBoxLayout()
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._shown = ""
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.method)
        layout.addLayout(self._rows)
        layout.addWidget(self.about)
        session.events.wanted.connect(self.show_method)
        self.show_method()

    def _choose(self) -> None:
        wanted = self.session.wanted
        self.session.wanted = replace(wanted, mode="other", method=self.method.currentData())

    def show_method(self) -> None:
        wanted = self.session.wanted
        self.setVisible(wanted.mode == "other")
        if self._shown == wanted.method:
            return
        self._shown = wanted.method
        self.method.setCurrentIndex(self.method.findData(wanted.method))
        self.about.setText(METHODS[wanted.method].tip)
        self.method.setToolTip(METHODS[wanted.method].tip)
        while self._rows.count():
            row = self._rows.takeAt(0).widget()
            row.hide()
            row.deleteLater()
        self.numbers = {one.name: self._add(one) for one in METHODS[wanted.method].numbers}
        before: QWidget = self.method
        for box in self.numbers.values():
            QWidget.setTabOrder(before, box)
            before = box

    def _add(self, one: Number) -> QDoubleSpinBox:
        limits = (one.low, one.high)
        box = number(one.title, limits, one.decimals, one.unit, one.tip, partial(self._typed, one.name))
        box.blockSignals(True)
        if one.automatic:
            box.setSpecialValueText("automatic")
        own = self.session.wanted.settings.get(self._shown, {})
        box.setValue(own.get(one.name, one.default))
        box.blockSignals(False)
        row = QWidget()
        fields = line(QLabel(one.title), box)
        fields.setContentsMargins(0, 0, 0, 0)
        row.setLayout(fields)
        self._rows.addWidget(row)
        return box

    def _typed(self, name: str) -> None:
        wanted = self.session.wanted
        own = {**wanted.settings.get(wanted.method, {}), name: self.numbers[name].value()}
        self.session.wanted = replace(wanted, settings={**wanted.settings, wanted.method: own})
