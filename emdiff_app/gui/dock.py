"""The five steps in one scrolling column, and all of it in one widget for a host that gives us one dock."""

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QFrame, QScrollArea, QSplitter, QVBoxLayout, QWidget

from .drops import dropped_paths
from .message_bar import MessageBar
from .panels import Header, ImagesPanel, LearnPanel, ModelPanel, RestorePanel, SharePanel
from .session import Session

if TYPE_CHECKING:
    from .views.layouts import TabbedViews

__all__ = ["Dock", "Steps"]

POLL_MS = 100
WIDTH = 380


class Steps(QWidget):
    """Messages on top, then the steps; files may be dropped anywhere on it."""

    def __init__(self, session: Session, offer_unfinished: bool = True) -> None:
        super().__init__()
        self.session = session
        self.header = Header(session)
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
        layout.setSpacing(2)
        layout.addWidget(self.header)
        layout.addWidget(self.messages)
        layout.addWidget(self.scroll, 1)
        self.setMinimumWidth(WIDTH - 40)
        self.setAcceptDrops(True)
        self._timer = QTimer(self, interval=POLL_MS)
        self._timer.timeout.connect(session.poll)
        self._timer.start()
        if offer_unfinished:
            session.look_for_unfinished()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_paths(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        self.session.open_files(dropped_paths(event.mimeData()))
        event.acceptProposedAction()

    def stop(self) -> None:
        """No more news; for the moment the session closes."""
        self._timer.stop()


class Dock(QSplitter):
    """The steps, and the views of a run below them from the moment that there is one."""

    def __init__(self, session: Session, offer_unfinished: bool = True) -> None:
        super().__init__(Qt.Orientation.Vertical)
        self.session = session
        self.steps = Steps(session, offer_unfinished)
        self.views: TabbedViews | None = None
        self.addWidget(self.steps)
        for event in ("learning", "prior"):
            getattr(session.events, event).connect(self._look)
        # A host may take the dock away without closing it first; a worker then goes on by itself.
        self.destroyed.connect(session.close)

    def _look(self) -> None:
        if self.views is None and (self.session.learning.run or self.session.prior):
            from .views.layouts import TabbedViews  # plots are loaded when there is something to plot

            self.views = TabbedViews(self.session)
            self.addWidget(self.views)
            self.setSizes([700, 300])

    def sizeHint(self) -> QSize:
        return QSize(WIDTH, 800)
