"""What the prior believes images look like: pictures that it draws from noise alone."""

from qtpy.QtCore import QRect, Qt
from qtpy.QtGui import QImage, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from emdiff_app.gui.panels.section import button, line, named, text
from emdiff_app.gui.session import Session
from emdiff_app.gui.thumbnails import as_qimage

__all__ = ["Samples"]


class Samples(QWidget):
    """Drawn when asked for; they say at a glance whether it has learned textures or noise."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.about = text("Images that the prior draws from noise alone, once there is a prior.")
        self.draw = button(
            "Draw samples", session.draw_samples, "Eight images from noise; takes some seconds."
        )
        self.sheet = _Sheet()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.addWidget(self.about)
        layout.addWidget(self.sheet, 1)
        layout.addLayout(line(self.draw))
        for event in ("prior", "drawn"):
            getattr(session.events, event).connect(self._show)
        self._show()

    def _show(self) -> None:
        drawn = self.session.drawn
        self.draw.setEnabled(self.session.prior is not None)
        self.about.setVisible(drawn is None)
        self.sheet.setVisible(drawn is not None)
        if drawn is not None:
            self.sheet.show_image(as_qimage(drawn))


class _Sheet(QWidget):
    def __init__(self) -> None:
        super().__init__()
        named(self, "Samples from the prior")
        self.setMinimumSize(160, 80)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._image = QImage()

    def show_image(self, image: QImage) -> None:
        self._image = image
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        size = self._image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        painter.drawImage(
            QRect((self.width() - size.width()) // 2, 0, size.width(), size.height()), self._image
        )
        painter.end()
