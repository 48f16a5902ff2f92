"""The five steps in one scrolling column, and the curves and previews beside or below them."""

from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QFrame, QScrollArea, QSplitter, QVBoxLayout, QWidget

from .drops import dropped_paths
from .message_bar import MessageBar
from .panels import ImagesPanel, LearnPanel, ModelPanel, RestorePanel, SharePanel
from .plots import Plots
from .previews import Previews
from .session import Session

__all__ = ["Dock", "Steps", "Views"]

POLL_MS = 100


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
        self.setMinimumWidth(340)
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
    """Curves and previews, side by side where it is wide and stacked where it is narrow."""

    def __init__(self, session: Session, orientation: Qt.Orientation = Qt.Orientation.Horizontal) -> None:
        super().__init__(orientation)
        self.plots = Plots(session)
        self.previews = Previews(session)
        self.addWidget(self.plots)
        self.addWidget(self.previews)
        self.setChildrenCollapsible(False)
        self.setSizes([1000, 1000])


class Dock(QSplitter):
    """All of it in one widget, for a host that gives us one dock."""

    def __init__(self, session: Session) -> None:
        super().__init__(Qt.Orientation.Vertical)
        self.session = session
        self.steps = Steps(session)
        self.views = Views(session, Qt.Orientation.Vertical)
        self.addWidget(self.steps)
        self.addWidget(self.views)
        self.setStretchFactor(0, 3)
        self.setStretchFactor(1, 1)
        # A host may take the dock away without closing it first; a worker then goes on by itself.
        self.destroyed.connect(session.close)
