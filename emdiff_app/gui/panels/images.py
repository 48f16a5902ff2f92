"""Step 1: which images to learn from."""

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem

from emdiff_app.gui.host import IMAGE_KINDS, ImageRef
from emdiff_app.gui.session import Session
from emdiff_app.gui.thumbnails import SIDE, icon

from .image_facts import ImageFacts
from .section import Section, button, line, named

__all__ = ["ImagesPanel"]

KEY = Qt.ItemDataRole.UserRole
ROWS = 3


class ImagesPanel(Section):
    """Ticked images are learned from; the one that is selected is described below the list."""

    def __init__(self, session: Session) -> None:
        super().__init__(1, "Images")
        self.session = session
        self.list = named(QListWidget(), "Images to learn from", "Ticked images are learned from.")
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.list.setIconSize(QSize(SIDE, SIDE))
        self.list.itemChanged.connect(self._ticked)
        self.list.currentItemChanged.connect(lambda *_: self._describe())
        self.facts = ImageFacts(session)
        self.files = button("Files...", self.open_files, "Open images: TIFF, OME-TIFF, OME-Zarr, PNG, JPEG.")
        self.example = button("Try the example", session.try_example, "A small stack that ships with EMDiff.")
        self.body.addWidget(self.list)
        self.body.addWidget(self.facts)
        self.body.addLayout(line(self.files, self.example))
        for event in ("images", "ticked", "thumbnails"):
            getattr(session.events, event).connect(self._show)
        self._show()

    def open_files(self) -> None:
        self.session.open_files(self.session.host.ask_files("Open images", IMAGE_KINDS))

    def _show(self) -> None:
        current = self.list.currentItem()
        key = current.data(KEY) if current else None
        self.list.blockSignals(True)
        self.list.clear()
        for ref in self.session.images:
            item = self._item(ref)
            self.list.addItem(item)
            if ref.key == key:
                self.list.setCurrentItem(item)
        if self.list.currentItem() is None and self.list.count():
            self.list.setCurrentRow(0)
        self.list.blockSignals(False)
        rows = min(max(self.list.count(), 1), ROWS)
        self.list.setFixedHeight(rows * (SIDE + 6) + 6)
        self.list.setVisible(self.list.count() > 0)
        self._describe()

    def _item(self, ref: ImageRef) -> QListWidgetItem:
        item = QListWidgetItem(ref.name)
        item.setData(KEY, ref.key)
        item.setToolTip(ref.describe())
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        on = ref.key in self.session.ticked
        item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
        small = self.session.thumbnails.get(ref.key)
        if small is not None:
            item.setIcon(icon(small))
        return item

    def _ticked(self, item: QListWidgetItem) -> None:
        key = {item.data(KEY)}
        on = item.checkState() == Qt.CheckState.Checked
        self.session.ticked = self.session.ticked | key if on else self.session.ticked - key

    def _describe(self) -> None:
        item = self.list.currentItem()
        self.facts.show_image(self.session.image(item.data(KEY)) if item else None)
