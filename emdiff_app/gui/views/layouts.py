"""The views of a run side by side for a wide place, behind each other for a narrow one."""

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSplitter, QTabWidget, QWidget

from emdiff_app.gui.panels.section import named
from emdiff_app.gui.session import Session

from .plots import LossPlot, ResidualPlot, ScorePlot
from .previews import Previews
from .samples import Samples

__all__ = ["TabbedViews", "Views"]


class Views(QSplitter):
    """Curves beside the pictures, for a wide place."""

    def __init__(self, session: Session) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.loss, self.score, self.residual = LossPlot(session), ScorePlot(session), ResidualPlot(session)
        self.previews, self.samples = Previews(session), Samples(session)
        self.pictures = _tabs("Pictures of the run", {"Previews": self.previews, "Samples": self.samples})
        for widget in (self.loss, self.score, self.residual, self.pictures):
            self.addWidget(widget)
        self.setChildrenCollapsible(False)
        self.setSizes([260, 200, 200, 340])


class TabbedViews(QTabWidget):
    """The same behind each other; not there until there is a run to look at."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.loss, self.score, self.residual = LossPlot(session), ScorePlot(session), ResidualPlot(session)
        self.previews, self.samples = Previews(session), Samples(session)
        for title, widget in (
            ("Previews", self.previews),
            ("Loss", self.loss),
            ("Score", self.score),
            ("Left over", self.residual),
            ("Samples", self.samples),
        ):
            self.addTab(widget, title)
        named(self, "Curves and previews")
        for event in ("learning", "prior"):
            getattr(session.events, event).connect(self._show)
        self._show()

    def _show(self) -> None:
        self.setVisible(self.session.learning.run is not None or self.session.prior is not None)


def _tabs(name: str, pages: dict[str, QWidget]) -> QTabWidget:
    tabs = named(QTabWidget(), name)
    for title, page in pages.items():
        tabs.addTab(page, title)
    return tabs
