"""Every choice of a recipe, with its explanation; made from the recipe itself."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QLineEdit,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from emdiff_app.gui.panels.section import named, plain, text
from emdiff_app.gui.recipe_fields import RecipeField, recipe_fields
from emdiff_app.learning import Preset

__all__ = ["CustomDialog"]

LARGE = 2**31 - 1
Control: TypeAlias = Any  # one of the widgets above; they share no base of their own


class CustomDialog(QDialog):
    """`changes()` is what differs from the preset."""

    def __init__(self, preset: Preset, changes: Mapping[str, Any], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Custom learning")
        self.setAccessibleName("Custom learning")
        self.fields = recipe_fields(preset)
        self.controls: dict[str, Control] = {}
        page = QWidget()
        rows = QFormLayout(page)
        rows.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for field in self.fields:
            control = _control(field)
            _set(control, field, changes.get(field.name, field.default))
            self.controls[field.name] = control
            rows.addRow(field.title, control)
            rows.addRow("", text(field.words))
        scroll = QScrollArea()
        scroll.setWidget(page)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        kinds = QDialogButtonBox.StandardButton
        buttons = plain(QDialogButtonBox(kinds.Ok | kinds.Cancel | kinds.RestoreDefaults))
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        named(buttons.button(kinds.Ok), "Use these choices")
        named(buttons.button(kinds.Cancel), "Leave the choices as they were")
        back = named(buttons.button(kinds.RestoreDefaults), "Back to the preset")
        back.setText("Back to the preset")
        back.clicked.connect(self._restore)
        layout = QVBoxLayout(self)
        layout.addWidget(scroll, 1)
        layout.addWidget(buttons)
        self.resize(460, 560)

    def changes(self) -> dict[str, Any]:
        said = {field.name: _said(self.controls[field.name], field) for field in self.fields}
        return {field.name: said[field.name] for field in self.fields if said[field.name] != field.default}

    def _restore(self) -> None:
        for field in self.fields:
            _set(self.controls[field.name], field, field.default)


def _control(field: RecipeField) -> Control:
    made: Control
    if field.choices:
        made = QComboBox()
        made.addItems(field.choices)
    elif field.kind is bool:
        made = QCheckBox()
    elif field.kind is str:
        made = QLineEdit()
    elif field.kind is int:
        made = QSpinBox()
        made.setRange(int(field.low or 0) + field.above_low, min(int(field.high or LARGE), LARGE))
        made.setSuffix(field.unit)
    else:
        made = QDoubleSpinBox()
        made.setDecimals(6 if (field.default or 1) < 0.1 else 2)
        least = (field.low or 0.0) + (10.0 ** -made.decimals() if field.above_low else 0.0)
        made.setRange(0.0 if field.optional else least, field.high or 1e9)
        made.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        made.setSuffix(field.unit)
        if field.optional:  # its lowest value stands for none at all
            made.setSpecialValueText("none")
    return named(made, field.title, field.words)


def _set(control: Control, field: RecipeField, value: Any) -> None:
    write: Callable[[Any], Any]
    match control:
        case QComboBox():
            write = control.setCurrentText
        case QCheckBox():
            write = control.setChecked
        case QLineEdit():
            write = control.setText
            value = value or ""
        case _:
            write = control.setValue
            value = value or 0
    write(value)


def _said(control: Control, field: RecipeField) -> Any:
    match control:
        case QComboBox():
            return control.currentText()
        case QCheckBox():
            return control.isChecked()
        case QLineEdit():
            return control.text() or (None if field.optional else "")
        case _:
            value = control.value()
            none = field.optional and value == control.minimum()
            return None if none else value
