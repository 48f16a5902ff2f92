"""Missing pixels and low resolution."""

from dataclasses import replace
from pathlib import Path

from qtpy.QtWidgets import QCheckBox, QComboBox, QLabel, QSpinBox, QVBoxLayout, QWidget

from emdiff_app.gui.host import IMAGE_KINDS
from emdiff_app.gui.model_form import Missing
from emdiff_app.gui.session import Session

from .section import button, form, line, named, number, text

__all__ = ["LowResolutionFields", "MissingFields"]

FILE, SHARE = "file", "share"


class MissingFields(QWidget):
    """Marked in a layer, in a file, or a share drawn by chance (for tests of the method)."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._showing = True
        self._kept = Missing()
        tip = "Dead pixels, gaps, skipped lines: what was not recorded."
        self.on = named(QCheckBox("Missing pixels"), "Missing pixels", tip)
        self.which = named(QComboBox(), "Where the missing pixels are marked")
        self.draw = button("Draw them", session.draw_missing, "A new layer to paint the missing pixels in.")
        self.file = button(
            "Choose...", self._choose, "An image that is not zero there.", "Choose the mask file"
        )
        self.path = text(name="Mask file")
        self.marked = named(
            QCheckBox("What is marked is missing"),
            "What is marked is missing",
            "Otherwise the rest is missing.",
        )
        self.percent = number("Share that is missing", (1, 99), 0, " %", "Drawn by chance.", self._typed)
        self.seed = named(QSpinBox(), "Seed of the draw", "The same seed leaves out the same pixels.")
        self.seed.setRange(0, 2**31 - 1)
        self.seed.valueChanged.connect(lambda _: self._typed())
        self.chance, _ = form(("Share", self.percent), ("Seed", self.seed))
        chosen = QWidget()
        chosen.setLayout(line(self.file, self.path, stretch=False))
        chosen.layout().setContentsMargins(0, 0, 0, 0)
        self.chosen = chosen
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(line(QLabel("Missing"), self.which, self.draw))
        for widget in (chosen, self.marked, self.chance):
            layout.addWidget(widget)
        self.on.toggled.connect(self._typed)
        self.marked.toggled.connect(self._typed)
        self.which.currentIndexChanged.connect(self._typed)
        for event in ("form", "masks"):
            getattr(session.events, event).connect(self._show)
        self._show()

    def _choose(self) -> None:
        for path in self.session.host.ask_files("Choose a mask", IMAGE_KINDS)[:1]:
            self._set(replace(self._kept, kind="file", path=str(Path(path).absolute())))

    def _typed(self) -> None:
        if self._showing:
            return
        which = self.which.currentData()
        said = replace(
            self._kept,
            marked_missing=self.marked.isChecked(),
            percent=self.percent.value(),
            seed=self.seed.value(),
        )
        said = (
            replace(said, kind=which) if which in (FILE, SHARE) else replace(said, kind="layer", layer=which)
        )
        self._set(said if self.on.isChecked() else None)

    def _set(self, missing: Missing | None) -> None:
        self._kept = missing or self._kept
        self.session.form = replace(self.session.form, missing=missing)

    def _show(self) -> None:
        missing = self.session.form.missing
        self._kept = missing or self._kept
        self._showing = True
        self.which.clear()
        for mask in self.session.masks:
            self.which.addItem(f"Layer {mask.name}", mask.key)
        if self._kept.kind == "layer" and self.which.findData(self._kept.layer) < 0:
            self.which.insertItem(0, "No layer yet", "")
        self.which.addItem("File...", FILE)
        self.which.addItem("By chance", SHARE)
        now = self._kept.layer if self._kept.kind == "layer" else self._kept.kind
        self.which.setCurrentIndex(max(self.which.findData(now), 0))
        self.on.setChecked(missing is not None)
        self.marked.setChecked(self._kept.marked_missing)
        self.percent.setValue(self._kept.percent)
        self.seed.setValue(self._kept.seed)
        self.path.setText(Path(self._kept.path).name if self._kept.path else "none chosen yet")
        self._showing = False
        kind = missing.kind if missing else ""
        self.setVisible(bool(kind))
        self.draw.setVisible(kind == "layer")
        self.chosen.setVisible(kind == "file")
        self.marked.setVisible(kind in ("layer", "file"))
        self.chance.setVisible(kind == "share")


class LowResolutionFields(QWidget):
    """So many pixels of the scene became one recorded pixel."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._kept = 2
        tip = "The camera's pixels were too large, or binned; the restored image gets smaller ones."
        self.on = named(QCheckBox("Low resolution"), "Low resolution", tip)
        self.factor = named(
            QSpinBox(), "Factor of the resolution", "How many pixels became one, along Y and X."
        )
        self.factor.setRange(2, 16)
        self.factor.setSuffix(" times lower than that of the scene")
        self.on.toggled.connect(self._typed)
        self.factor.valueChanged.connect(self._typed)
        self.setLayout(line(QLabel("Resolution"), self.factor))
        self.layout().setContentsMargins(0, 0, 0, 0)
        session.events.form.connect(self._show)
        self._show()

    def _typed(self) -> None:
        self._kept = self.factor.value()
        factor = self._kept if self.on.isChecked() else 1
        if factor != self.session.form.factor:
            self.session.form = replace(self.session.form, factor=factor)

    def _show(self) -> None:
        factor = self.session.form.factor
        for control in (self.on, self.factor):
            control.blockSignals(True)
        self.on.setChecked(factor > 1)
        self.factor.setValue(factor if factor > 1 else self._kept)
        for control in (self.on, self.factor):
            control.blockSignals(False)
        self.setVisible(factor > 1)
