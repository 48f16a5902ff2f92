"""The five steps in one scrolling column, and the curves and previews beside or below them."""

from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QFrame, QScrollArea, QSplitter, QTabWidget, QVBoxLayout, QWidget

from .drops import dropped_paths
from .message_bar import MessageBar
from .panels import ImagesPanel, LearnPanel, ModelPanel, RestorePanel, SharePanel
from .plots import Plots
from .previews import Previews
from .session import Session

__all__ = ["Dock", "Steps", "TabbedViews", "Views"]

POLL_MS = 100
WIDTH = 380


class Steps(QWidget):
    """Messages on top, then the steps; files may be dropped anywhere on it."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.images = ImagesPanel(session)
        self.model = ModelPanel(session)
        self.learn = LearnPanel(session)
        self.restore = RestorePanel(session)
        self.share = SharePanel(session)
        column = QWidget()
        inner = QVBoxLayout(column)
        inner.setContentsMargins(4, 4, 4, 4)
        inner.setSpacing(2)
        for panel in (self.images, self.model, self.learn, self.restore, self.share):
            inner.addWidget(panel)
        inner.addStretch(1)
        self.scroll = QScrollArea()
        self.scroll.setWidgetResizable(True)
        self.scroll.setFrameShape(QFrame.Shape.NoFrame)
        self.scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scroll.setWidget(column)
        self.scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.messages = MessageBar(session)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.messages)
        layout.addWidget(self.scroll, 1)
        self.setMinimumWidth(WIDTH - 40)
        self.setAcceptDrops(True)
        self._timer = QTimer(self, interval=POLL_MS)
        self._timer.timeout.connect(session.poll)
        self._timer.start()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_paths(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        self.session.open_files(dropped_paths(event.mimeData()))
        event.acceptProposedAction()

    def stop(self) -> None:
        """No more news; for the moment the session closes."""
        self._timer.stop()


class Views(QSplitter):
    """Curves and previews side by side, for a wide place."""

    def __init__(self, session: Session) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.plots = Plots(session)
        self.previews = Previews(session)
        self.addWidget(self.plots)
        self.addWidget(self.previews)
        self.setChildrenCollapsible(False)
        self.setSizes([1000, 1000])


class TabbedViews(QTabWidget):
    """The same behind each other, for a narrow place; not there until there is a run to look at."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.plots = Plots(session)
        self.previews = Previews(session)
        self.addTab(self.plots, "Curves")
        self.addTab(self.previews, "Previews")
        self.setAccessibleName("Curves and previews")
        session.events.learning.connect(self._show)
        self._show()

    def _show(self) -> None:
        self.setVisible(self.session.learning.run is not None)


class Dock(QSplitter):
    """All of it in one widget, for a host that gives us one dock."""

    def __init__(self, session: Session) -> None:
        super().__init__(Qt.Orientation.Vertical)
        self.session = session
        self.steps = Steps(session)
        self.views = TabbedViews(session)
        self.addWidget(self.steps)
        self.addWidget(self.views)
        self.setSizes([700, 300])
        # A host may take the dock away without closing it first; a worker then goes on by itself.
        self.destroyed.connect(session.close)

    def sizeHint(self) -> QSize:
        return QSize(WIDTH, 800)
