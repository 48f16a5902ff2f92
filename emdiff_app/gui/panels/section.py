"""What the five steps share: a part that folds, and controls that a screen reader can name."""

import math
from collections.abc import Callable
from typing import Any, TypeVar

from qtpy.QtCore import Qt
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import (
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

__all__ = ["Buttons", "Section", "button", "form", "line", "named", "number", "plain", "text"]

FREE = 16777215  # what Qt calls no maximum
W = TypeVar("W", bound=QWidget)


class Section(QCollapsible):
    """One step; `self.body` is where its controls go."""

    def __init__(self, number: int, title: str) -> None:
        super().__init__(f"{number}  {title}", expandedIcon="▾", collapsedIcon="▸")
        self.setDuration(0)
        self.toggleButton().setAccessibleName(f"Step {number}: {title}")
        font = self.toggleButton().font()
        font.setBold(True)
        self.toggleButton().setFont(font)
        content = QWidget()
        self.body = QVBoxLayout(content)
        self.body.setContentsMargins(8, 0, 4, 6)
        self.body.setSpacing(6)
        self.setContent(content)
        self.layout().setContentsMargins(0, 0, 0, 0)
        self.layout().setSpacing(4)
        # Words that wrap need more height in a narrow place than the hint says, and superqt allows no more than that.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.layout().setAlignment(Qt.AlignmentFlag(0))
        self.toggled.connect(self._fit)
        self.expand(animate=False)

    def _fit(self, on: bool) -> None:
        # The content may grow later, so its height is free; folded, no key may reach into it.
        self.content().setMaximumHeight(FREE)
        self.content().setVisible(on)


def named(widget: W, name: str, tip: str = "") -> W:
    """Give a control the name that assistive technology reads, and a hint."""
    widget.setAccessibleName(name)
    widget.setToolTip(tip or name)
    return widget


def button(title: str, clicked: Callable[[], Any], tip: str = "", name: str = "") -> QPushButton:
    made = named(QPushButton(title), name or title.rstrip("."), tip)
    made.clicked.connect(lambda: clicked())
    return made


def plain(box: QDialogButtonBox) -> QDialogButtonBox:
    """Words alone on the buttons of a dialog: the icons of some desktops are of another age."""
    for one in box.buttons():
        one.setIcon(QIcon())
    return box


class Exact(QDoubleSpinBox):
    """Keeps a number as it is and shows at least `shown` decimals and four digits that say something."""

    KEPT = 12

    def __init__(self, shown: int) -> None:
        super().__init__()
        self._shown = shown
        self.setDecimals(self.KEPT)

    def textFromValue(self, value: float) -> str:
        own = self.locale()
        size = math.floor(math.log10(abs(value))) if value else 0
        digits = min(max(self._shown, 3 - size), self.KEPT)
        text = own.toString(float(value), "f", digits).replace(own.groupSeparator(), "")
        spare = 0
        while spare < digits - self._shown and text[-1 - spare] == own.zeroDigit():
            spare += 1
        return text[: len(text) - spare].removesuffix(own.decimalPoint())


def number(
    name: str,
    limits: tuple[float, float],
    decimals: int,
    unit: str,
    tip: str,
    changed: Callable[[], Any],
    *,
    exact: bool = False,
) -> QDoubleSpinBox:
    """A field for a number with its unit; `changed` is called when it has been typed.

    An `exact` one takes and shows more decimals where the number has them.
    """
    box = named(Exact(decimals) if exact else QDoubleSpinBox(), name, tip)
    if not exact:
        box.setDecimals(decimals)
    box.setRange(*limits)
    box.setSingleStep(10.0**-decimals * (10 if decimals > 1 else 1))
    box.setSuffix(unit)
    box.setKeyboardTracking(False)
    box.valueChanged.connect(lambda _: changed())
    return box


def form(*rows: tuple[str, QWidget]) -> tuple[QWidget, QFormLayout]:
    """Fields below each other with their titles before them."""
    widget = QWidget()
    layout = QFormLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    for title, control in rows:
        layout.addRow(title, control)
    return widget, layout


def text(words: str = "", name: str = "") -> QLabel:
    """Words that wrap and never widen the dock."""
    label = QLabel(words)
    label.setWordWrap(True)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    if name:
        label.setAccessibleName(name)
    return label


def line(*widgets: QWidget, stretch: bool = True) -> QHBoxLayout:
    """Widgets side by side."""
    row = QHBoxLayout()
    row.setSpacing(6)
    for widget in widgets:
        row.addWidget(widget)
    if stretch:
        row.addStretch(1)
    return row


class Buttons(QWidget):
    """Buttons that come and go."""

    def __init__(self) -> None:
        super().__init__()
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(6)
        self._row.addStretch(1)

    @property
    def count(self) -> int:
        return self._row.count() - 1

    def add(self, widget: QWidget) -> None:
        self._row.insertWidget(self.count, widget)

    def clear(self) -> None:
        while self.count:
            old = self._row.takeAt(0).widget()
            old.hide()
            old.deleteLater()
