"""Step 1: which images to learn from."""

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem

from emdiff_app.gui.session import Session

from .section import Section, button, line, named, text

__all__ = ["ImagesPanel"]

KINDS = "Images (*.tif *.tiff *.png *.jpg *.jpeg *.npy *.zarr);;All files (*)"
KEY = Qt.ItemDataRole.UserRole


class ImagesPanel(Section):
    def __init__(self, session: Session) -> None:
        super().__init__(1, "Images")
        self.session = session
        self.list = named(QListWidget(), "Images to learn from", "Ticked images are learned from.")
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.list.setMaximumHeight(72)
        self.list.itemChanged.connect(self._ticked)
        self.list.currentItemChanged.connect(lambda *_: self._describe())
        self.about = text(name="About the image")
        self.files = button("Files...", self.open_files, "Open images: TIFF, OME-TIFF, OME-Zarr, PNG, JPEG.")
        self.example = button("Try the example", session.try_example, "A small stack that ships with EMDiff.")
        self.body.addWidget(self.list)
        self.body.addWidget(self.about)
        self.body.addLayout(line(self.files, self.example))
        session.events.images.connect(self._show)
        session.events.ticked.connect(self._show)
        self._show()

    def open_files(self) -> None:
        self.session.open_files(self.session.host.ask_files("Open images", KINDS))

    def _show(self) -> None:
        current = self.list.currentItem()
        key = current.data(KEY) if current else None
        self.list.blockSignals(True)
        self.list.clear()
        for ref in self.session.images:
            item = QListWidgetItem(ref.name)
            item.setData(KEY, ref.key)
            item.setToolTip(ref.describe())
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            on = ref.key in self.session.ticked
            item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
            self.list.addItem(item)
            if ref.key == key:
                self.list.setCurrentItem(item)
        self.list.blockSignals(False)
        if self.list.currentItem() is None and self.list.count():
            self.list.setCurrentRow(0)
        self._describe()

    def _ticked(self, item: QListWidgetItem) -> None:
        key = {item.data(KEY)}
        on = item.checkState() == Qt.CheckState.Checked
        self.session.ticked = self.session.ticked | key if on else self.session.ticked - key

    def _describe(self) -> None:
        item = self.list.currentItem()
        ref = self.session.image(item.data(KEY)) if item else None
        self.about.setText(ref.describe() if ref else "Open images, drop them here, or try the example.")
