"""Above the steps: what this is, where it computes, and help."""

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QMessageBox, QSizePolicy, QWidget

from emdiff_app.gui.session import Session

from .section import button, named

__all__ = ["Header"]

EVERY_MS = 15_000
HELP = (
    "EMDiff learns what the clean images look like from corrupted ones alone, and restores images with it.\n\n"
    "1  Open images of one kind, as they were recorded. More images are better than better images.\n"
    "2  Say what went wrong with them: the noise can be measured, the blur follows from the microscope.\n"
    "3  Learn. A first impression takes minutes, a good prior an hour or a night. It can be paused and resumed.\n"
    "4  Restore any image of that kind. The verdict below the button says whether to believe it.\n"
    "5  Share the prior: one file that a colleague can use.\n\n"
    "Your images are never changed."
)


class Header(QWidget):
    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        title = QLabel("EMDiff")
        font = title.font()
        font.setBold(True)
        title.setFont(font)
        self.device = named(
            QComboBox(), "Compute on", "Where to learn and restore; memory that is free there."
        )
        self.device.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.device.activated.connect(lambda _: setattr(session, "device", self.device.currentData()))
        self.help = button("?", self.show_help, "What the five steps are.", "Help")
        self.help.setFixedWidth(28)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 8, 4)
        row.addWidget(title)
        row.addWidget(self.device, 1)
        row.addWidget(self.help)
        self._again = QTimer(self, interval=EVERY_MS)
        self._again.timeout.connect(self._look)
        self._again.start()
        session.events.devices.connect(self._show)
        session.events.device.connect(self._show)
        self._show()
        session.look_at_devices()

    def _look(self) -> None:
        if self.isVisible():
            self.session.look_at_devices()

    def _show(self) -> None:
        devices = self.session.devices.all
        self.device.clear()
        for device in devices:
            self.device.addItem(device.title, device.value)
        if not devices:
            self.device.addItem("Looking for a GPU...", "auto")
        wished = self.device.findData(self.session.device)
        self.device.setCurrentIndex(max(wished, 0))  # `auto` is the best one, which is the first
        self.device.setToolTip(self.device.currentText())

    def show_help(self) -> None:
        box = QMessageBox(QMessageBox.Icon.NoIcon, "The five steps", HELP, parent=self)
        box.open()
