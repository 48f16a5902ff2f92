"""A plot drawn in the colour of the text around it, light or dark."""

from typing import Any

import pyqtgraph as pg
from qtpy.QtCore import QEvent
from qtpy.QtGui import QColor, QShowEvent
from qtpy.QtWidgets import QSizePolicy

from emdiff_app.gui.panels.section import named

__all__ = ["InkPlot"]


class InkPlot(pg.PlotWidget):
    """`line` and `dots` are made here, so that they follow the colours of the window."""

    def __init__(self, title: str, below: str, beside: str = "", tip: str = "") -> None:
        super().__init__(background=None)
        self._title, self._below, self._beside = title, below, beside
        self._drawn: list[tuple[Any, bool]] = []
        named(self, title, tip)
        self.setMinimumSize(90, 80)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        self.setMenuEnabled(False)
        self.hideButtons()
        self.getPlotItem().layout.setContentsMargins(1, 1, 1, 8)  # pyqtgraph lets the words below stick out
        for side in ("left", "bottom"):
            self.getAxis(side).enableAutoSIPrefix(False)
        self.getAxis("bottom").setTickDensity(0.6)  # long numbers would run into each other

    def line(self, **how: Any) -> Any:
        """A curve to `setData` on."""
        self._drawn.append((self.plot(**how), True))
        return self._drawn[-1][0]

    def dots(self, size: int = 5) -> Any:
        """Points without a line."""
        self._drawn.append((self.plot(pen=None, symbol="o", symbolSize=size), False))
        return self._drawn[-1][0]

    def colour(self) -> None:
        ink = self.palette().color(self.foregroundRole())
        self.setTitle(self._title, color=ink, size="9pt")
        self.setLabel("bottom", self._below, color=ink)
        if self._beside:
            self.setLabel("left", self._beside, color=ink)
        for side in ("left", "bottom"):
            self.getAxis(side).setPen(ink)
            self.getAxis(side).setTextPen(ink)
        for item, joined in self._drawn:
            if joined:
                item.setPen(pg.mkPen(ink, width=1.5))
            item.setSymbolBrush(_soft(ink) if not joined else ink)
            item.setSymbolPen(ink)

    def showEvent(self, event: QShowEvent) -> None:
        self.colour()
        super().showEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange) and hasattr(self, "_drawn"):
            self.colour()
        super().changeEvent(event)


def _soft(ink: QColor) -> QColor:
    soft = QColor(ink)
    soft.setAlpha(110)
    return soft
