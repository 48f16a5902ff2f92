"""Three plots of a run: what it fits, how good it is on what it never saw, and what it leaves over."""

from typing import Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from emdiff_app.gui.panels.section import named
from emdiff_app.gui.session import Session

from .ink import InkPlot

__all__ = ["LossPlot", "ResidualPlot", "ScorePlot"]

EVERY_MS = 500
DASHED = pg.mkPen(0.5, width=1, dash=[4, 4])


class LossPlot(QWidget):
    """Drawn again when there is something new, at most twice a second and only while it is looked at."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.plot = InkPlot(
            "Loss", "optimiser step", tip="How well the network fits; dashed lines are rounds."
        )
        self.curve = self.plot.line()
        self.marks: list[Any] = []
        self.log = named(QCheckBox("Logarithmic"), "Logarithmic loss axis")
        self.log.toggled.connect(lambda on: self.plot.setLogMode(y=on))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.plot)
        layout.addWidget(self.log)
        self._wait = QTimer(self, interval=EVERY_MS, singleShot=True)
        self._wait.timeout.connect(self._show)
        session.events.learning.connect(self._news)
        self._show()

    def _news(self) -> None:
        if self.session.learning.state.ended:
            self._show()
        elif self.isVisible() and not self._wait.isActive():
            self._wait.start()

    def showEvent(self, event: QShowEvent) -> None:
        self._show()
        super().showEvent(event)

    def _show(self) -> None:
        status = self.session.learning
        self.curve.setData(status.loss_x, status.loss_y)
        places = status.round_marks
        while len(self.marks) > len(places):
            self.plot.removeItem(self.marks.pop())
        for mark, place in zip(self.marks, places, strict=False):
            mark.setValue(place)
        for place in places[len(self.marks) :]:
            mark = pg.InfiniteLine(place, pen=DASHED)
            self.plot.addItem(mark)
            self.marks.append(mark)


class ScorePlot(InkPlot):
    """The held-out score of each round."""

    def __init__(self, session: Session) -> None:
        super().__init__(
            "Held-out score",
            "round",
            tip="How likely hidden data are, given what was restored: higher is better.",
        )
        self.session = session
        self.curve = self.line(symbol="o", symbolSize=7)
        self._shown: Any = None
        session.events.learning.connect(self._show)
        self._show()

    def _show(self) -> None:
        scores = self.session.learning.scores
        if scores == self._shown:
            return
        self._shown = scores
        self.curve.setData([s.round for s in scores], [s.held_out for s in scores])
        last = max((s.round for s in scores), default=1)
        step = max(1, -(-last // 6))
        self.getAxis("bottom").setTicks([[(n, str(n)) for n in range(0, last + 1, step)]])


class ResidualPlot(InkPlot):
    """What the last round left over on the held-out crops, beside the bell curve that noise alone would give."""

    def __init__(self, session: Session) -> None:
        super().__init__(
            "Left over",
            "in units of the noise",
            tip="Where the bars follow the dashed curve, all is well.",
        )
        self.session = session
        self.bars = self.line(stepMode="center", fillLevel=0, brush=(128, 128, 128, 90))
        x = np.linspace(-5, 5, 201)
        self.normal = self.plot(x, np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi), pen=DASHED)
        self.setXRange(-5, 5)
        self._shown: Any = None
        session.events.learning.connect(self._show)
        self._show()

    def _show(self) -> None:
        scored = [score.residuals for score in self.session.learning.scores if score.residuals]
        if scored == self._shown:
            return
        self._shown = scored
        heights = scored[-1] if scored else ()
        # With a step for each bin, Qt wants one more edge than there are heights.
        self.bars.setData(np.linspace(-5, 5, len(heights) + 1) if heights else [0.0, 1.0], heights or [0.0])
