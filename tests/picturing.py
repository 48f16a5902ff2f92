"""Keeping pictures of a window, and finding words in it for which there is no room."""

import time
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QLabel, QPushButton, QWidget

PATIENCE_S = 10.0  # a layout takes some turns to settle
TOLERATED = 2  # pixels; hints of a size are rounded


class Pictures:
    """`keep` writes `01-name.png`, `02-...`; each must show something, and all words must have room."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.taken: list[Path] = []
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.png"):
            old.unlink()

    def keep(self, name: str, window: QWidget, words_in: QWidget | None = None) -> Path:
        """A picture of `window`; the words of `words_in`, or of all of it, are looked at."""
        QTest.qWait(300)  # news that have come are shown, and what is drawn has settled
        end = time.monotonic() + PATIENCE_S
        while (cut := cut_words(words_in or window)) and time.monotonic() < end:
            QTest.qWait(100)
        path = self.folder / f"{len(self.taken) + 1:02d}-{name}.png"
        picture = window.grab().toImage()
        assert picture.save(str(path))
        self.taken.append(path)
        assert _colours(picture) > 8, f"{path} shows nothing"
        assert not cut, f"{path}: {cut}"
        return path


def cut_words(window: QWidget) -> list[str]:
    """The texts of visible labels and buttons that are larger than their place, or reach out of the window."""
    return [
        f"{widget.text()!r}: {widget.width()} x {widget.height()}"
        for kind in (QLabel, QAbstractButton)
        for widget in window.findChildren(kind)
        if widget.isVisible() and widget.text() and not _has_room(widget, window)
    ]


def _has_room(widget: QWidget, window: QWidget) -> bool:
    wide, high = widget.sizeHint().width(), widget.sizeHint().height()
    if isinstance(widget, QPushButton):  # its hint is generous
        words = widget.fontMetrics().size(Qt.TextFlag.TextShowMnemonic, widget.text())
        wide, high = words.width(), words.height()
    elif isinstance(widget, QLabel) and widget.wordWrap():
        wide, high = widget.minimumSizeHint().width(), widget.heightForWidth(widget.width())
    left = widget.mapTo(window, widget.rect().topLeft()).x()
    inside = left >= -TOLERATED and left + min(wide, widget.width()) <= window.width() + TOLERATED
    return inside and wide <= widget.width() + TOLERATED and high <= widget.height() + TOLERATED


def _colours(picture) -> int:
    step = max(1, picture.width() // 64)
    spots = ((x, y) for x in range(0, picture.width(), step) for y in range(0, picture.height(), step))
    return len({picture.pixel(x, y) for x, y in spots})
