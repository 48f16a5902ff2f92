"""Two curves: how well the prior fits what it learns from, and how good it is on what it never saw."""

from typing import Any

import pyqtgraph as pg
from qtpy.QtCore import QEvent
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from .panels.section import named
from .session import Session

__all__ = ["Plots"]


class Plots(QWidget):
    """Drawn again whenever `session.learning` changes, at most as often as the window polls."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.loss: Any = self._plot("Loss")
        self.score: Any = self._plot("Held-out score")
        self.loss_line = self.loss.plot()
        self.score_line = self.score.plot(symbol="o", symbolSize=7)
        self.marks: list[Any] = []
        self.log = named(QCheckBox("Logarithmic"), "Logarithmic loss axis")
        self.log.toggled.connect(lambda on: self.loss.setLogMode(y=on))
        left = QVBoxLayout()
        left.setSpacing(0)
        left.addWidget(self.loss)
        left.addWidget(self.log)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(left, 3)
        layout.addWidget(self.score, 2)
        session.events.learning.connect(self._show)
        self._show()

    def _plot(self, title: str) -> Any:
        plot = pg.PlotWidget(background=None)
        named(plot, title)
        plot.setMinimumSize(120, 100)
        plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        plot.setMenuEnabled(False)
        for side in ("left", "bottom"):
            plot.getAxis(side).enableAutoSIPrefix(False)
        return plot

    def _colour(self) -> None:
        """Draw in the colour of the text around it, light or dark."""
        ink = self.palette().color(self.foregroundRole())
        below = {"Loss": "optimiser step", "Held-out score": "round"}
        for plot in (self.loss, self.score):
            title = plot.accessibleName()
            plot.setTitle(title, color=ink, size="9pt")
            plot.setLabel("bottom", below[title], color=ink)
            for side in ("left", "bottom"):
                plot.getAxis(side).setPen(ink)
                plot.getAxis(side).setTextPen(ink)
        for line in (self.loss_line, self.score_line):
            line.setPen(pg.mkPen(ink, width=1.5))
        self.score_line.setSymbolBrush(ink)
        self.score_line.setSymbolPen(ink)

    def showEvent(self, event: QShowEvent) -> None:
        self._colour()
        super().showEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange) and hasattr(
            self, "score_line"
        ):
            self._colour()
        super().changeEvent(event)

    def _show(self) -> None:
        status = self.session.learning
        self.loss_line.setData(status.loss_x, status.loss_y)
        self.score_line.setData([s.round for s in status.scores], [s.held_out for s in status.scores])
        for mark in self.marks[len(status.round_marks) :]:
            self.loss.removeItem(mark)
        self.marks = self.marks[: len(status.round_marks)]
        for place in status.round_marks[len(self.marks) :]:
            mark = pg.InfiniteLine(place, pen=pg.mkPen(0.5, width=1, dash=[4, 4]))
            self.loss.addItem(mark)
            self.marks.append(mark)
