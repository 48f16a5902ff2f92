"""Two curves: how well the prior fits what it learns from, and how good it is on what it never saw."""

from typing import Any

import pyqtgraph as pg
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QVBoxLayout, QWidget

from .panels.section import named
from .session import Session

__all__ = ["Plots"]


class Plots(QWidget):
    """Drawn again whenever `session.learning` changes, at most as often as the window polls."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.log = named(QCheckBox("Logarithmic"), "Logarithmic loss axis")
        self.loss: Any = self._plot("Loss", "optimiser step")
        self.log.toggled.connect(lambda on: self.loss.setLogMode(y=on))
        self.score = self._plot("Held-out score", "round")
        self.loss_line = self.loss.plot(pen=pg.mkPen(self._ink(), width=1.5))
        self.score_line = self.score.plot(
            pen=pg.mkPen(self._ink(), width=1.5), symbol="o", symbolSize=7, symbolBrush=self._ink()
        )
        self.marks: list[Any] = []
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

    def _ink(self) -> Any:
        return self.palette().color(self.foregroundRole())

    def _plot(self, title: str, below: str) -> Any:
        plot = pg.PlotWidget(background=None)
        named(plot, title)
        ink = self._ink()
        plot.setTitle(title, color=ink, size="9pt")
        plot.setLabel("bottom", below, color=ink)
        for side in ("left", "bottom"):
            axis = plot.getAxis(side)
            axis.setPen(ink)
            axis.setTextPen(ink)
            axis.enableAutoSIPrefix(False)
        plot.setMinimumSize(120, 100)
        plot.setMenuEnabled(False)
        return plot

    def _show(self) -> None:
        status = self.session.learning
        self.loss_line.setData(status.loss_x, status.loss_y)
        self.score_line.setData([s.round for s in status.scores], [s.held_out for s in status.scores])
        for mark in self.marks[len(status.round_marks) :]:
            self.loss.removeItem(mark)
        self.marks = self.marks[: len(status.round_marks)]
        for place in status.round_marks[len(self.marks) :]:
            mark = pg.InfiniteLine(place, pen=pg.mkPen(self._ink(), width=0.5, dash=[4, 4]))
            self.loss.addItem(mark)
            self.marks.append(mark)
