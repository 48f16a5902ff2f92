"""A PSF as a picture and as the cross-section through its middle."""

import numpy as np
from qtpy.QtCore import QRect, Qt
from qtpy.QtGui import QImage, QPainter, QPaintEvent
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from emdiff_app.gui.model_pictures import PsfPicture
from emdiff_app.gui.panels.section import named, text
from emdiff_app.gui.thumbnails import as_qimage, grey

from .ink import InkPlot

__all__ = ["PsfView"]

HEIGHT = 150


class PsfView(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.words = text(name="Size of the PSF")
        self.picture = _Square()
        self.profile = InkPlot(
            "Cross-section", "pixels from the middle", tip="The PSF along X, through its middle."
        )
        self.curve = self.profile.line(symbol="o", symbolSize=4)
        self.profile.setFixedHeight(HEIGHT)
        row = QHBoxLayout()
        row.addWidget(self.picture)
        row.addWidget(self.profile, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.words)

    def show_psf(self, psf: PsfPicture) -> None:
        middle = psf.plane.shape[0] // 2
        section = psf.plane[middle] / psf.plane.max()
        self.curve.setData(np.arange(section.size) - section.size // 2, section)
        half = max(min(section.size // 2, int(4 * psf.fwhm_px) + 3), 1)
        self.profile.setXRange(-half, half)
        rows, columns = (slice(max(n // 2 - half, 0), n // 2 + half + 1) for n in psf.plane.shape)
        # The square root shows the rings, which the eye would miss on a linear scale.
        root = np.sqrt(psf.plane[rows, columns].clip(0))
        self.picture.show_image(as_qimage(grey(root, 0.0, float(root.max()))))
        self.words.setText(f"The PSF is {psf.words}. The picture shows its square root.")


class _Square(QWidget):
    """One image, each pixel a square."""

    def __init__(self) -> None:
        super().__init__()
        named(self, "Picture of the PSF")
        self.setFixedSize(HEIGHT - 20, HEIGHT - 20)
        self._image = QImage()

    def show_image(self, image: QImage) -> None:
        self._image = image
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        size = self._image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        painter.drawImage(
            QRect((self.width() - size.width()) // 2, 0, size.width(), size.height()), self._image
        )
        painter.end()
