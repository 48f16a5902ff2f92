"""The same held-out crops after every round: recorded, restored, how uncertain that is, and what is left over."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QRect, Qt, QTimer
from qtpy.QtGui import QImage, QPainter, QPaintEvent
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget
from superqt import QLabeledSlider

from emdiff_app.gui.panels.section import line, named, text
from emdiff_app.gui.session import Session
from emdiff_app.gui.thumbnails import as_qimage, grey
from emdiff_app.learning.judging.pictures import read_preview

__all__ = ["PreviewPictures", "Previews"]

ROWS = {"recorded": "recorded", "restored": "restored", "spread": "uncertainty", "residual": "left over"}


class PreviewPictures(QWidget):
    """A row of crops for each kind of picture, each column one crop, drawn as large as there is room."""

    LABEL = 80

    def __init__(self) -> None:
        super().__init__()
        named(
            self,
            "Previews of held-out crops",
            "Above: recorded; then restored; then its uncertainty, and what is left over.",
        )
        self.images: list[tuple[str, list[QImage]]] = []
        self.setMinimumSize(160, 80)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_arrays(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Recorded and restored share their black and white, so that they can be compared."""
        self.images = []
        limits = [np.nanpercentile(crop, (0.5, 99.8)) for crop in arrays["recorded"]]
        top = float(np.nanpercentile(arrays["spread"], 99.5))
        of_noise = {"spread": (0.0, top), "residual": (-3.0, 3.0)}
        for name in arrays:
            ranges = [of_noise[name]] * len(limits) if name in of_noise else limits
            rows = [as_qimage(grey(crop, *pair)) for crop, pair in zip(arrays[name], ranges, strict=True)]
            self.images.append((ROWS[name], rows))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self.images:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        columns = len(self.images[0][1])
        side = int(min(self.height() / len(self.images), (self.width() - self.LABEL) / columns)) - 3
        for row, (title, images) in enumerate(self.images):
            y = row * (side + 3)
            place = QRect(0, y, self.LABEL - 6, side)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight), title)
            for column, image in enumerate(images):
                painter.drawImage(QRect(self.LABEL + column * (side + 3), y, side, side), image)
        painter.end()


class Previews(QWidget):
    """The pictures with a slider over the rounds; looks for a new one at most once a second."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.pictures = PreviewPictures()
        self.slider = named(QLabeledSlider(Qt.Orientation.Horizontal), "Round of the previews")
        self.empty = text("Previews appear after the first round.")
        self.row = QWidget()
        row = line(QLabel("Round"), self.slider, stretch=False)
        row.setContentsMargins(0, 0, 0, 0)
        self.row.setLayout(row)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.addWidget(self.empty)
        layout.addWidget(self.pictures, 1)
        layout.addWidget(self.row)
        self.slider.valueChanged.connect(lambda _: self._draw())
        self._files: dict[int, Path] = {}
        self._drawn: tuple[int, Path] | None = None
        self._wait = QTimer(self, interval=1000, singleShot=True)
        self._wait.timeout.connect(self._refresh)
        session.events.learning.connect(self._news)
        self._refresh()

    def _news(self) -> None:
        if not self._wait.isActive() and dict(self.session.learning.previews) != self._files:
            self._wait.start()

    def _refresh(self) -> None:
        newest = self.slider.value() == max(self._files, default=self.slider.value())
        self._files = dict(self.session.learning.previews)
        for widget in (self.pictures, self.row):
            widget.setVisible(bool(self._files))
        self.empty.setVisible(not self._files)
        if self._files:
            self.slider.setRange(min(self._files), max(self._files))
            if newest:  # who looks at an old round keeps looking at it
                self.slider.setValue(max(self._files))
            self._draw()

    def _draw(self) -> None:
        reached = [number for number in self._files if number <= self.slider.value()]
        if not reached or self._drawn == (max(reached), self._files[max(reached)]):
            return
        arrays = read_preview(self._files[max(reached)])
        if arrays is not None:
            self._drawn = (max(reached), self._files[max(reached)])
            self.pictures.show_arrays(arrays)
