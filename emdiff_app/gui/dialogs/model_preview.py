"""What the imaging model makes of a sample, beside the user's own image."""

from qtpy.QtCore import Qt
from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from emdiff_app.gui.model_pictures import ModelPreview
from emdiff_app.gui.panels.section import named, plain, text
from emdiff_app.gui.thumbnails import as_qimage, grey

__all__ = ["PreviewDialog"]

SIDE = 260


class PreviewDialog(QDialog):
    """Pictures on one grey scale; where a restored image was checked, what is left over as well."""

    def __init__(self, preview: ModelPreview, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Preview of the imaging model")
        self.setAccessibleName("Preview of the imaging model")
        grid = QGridLayout()
        shown = [(picture.title, picture.pixels, preview.limits) for picture in preview.pictures]
        if preview.residual is not None:
            shown.append(("left over, in standard deviations", preview.residual, (-3.0, 3.0)))
        for column, (title, pixels, limits) in enumerate(shown):
            picture = QPixmap.fromImage(as_qimage(grey(pixels, *limits)))
            title = title[0].upper() + title[1:]
            label = named(QLabel(), title)
            label.setPixmap(picture.scaled(SIDE, SIDE, Qt.AspectRatioMode.KeepAspectRatio))
            row = 2 * (column // 2 if len(shown) > 3 else 0)
            place = column % 2 if len(shown) > 3 else column
            grid.addWidget(QLabel(title), row, place, Qt.AlignmentFlag.AlignHCenter)
            grid.addWidget(label, row + 1, place)
        buttons = plain(QDialogButtonBox(QDialogButtonBox.StandardButton.Close))
        buttons.rejected.connect(self.reject)
        named(buttons.button(QDialogButtonBox.StandardButton.Close), "Close the preview")
        layout = QVBoxLayout(self)
        layout.addLayout(grid)
        layout.addWidget(text(preview.sentence, "What the preview says"))
        layout.addWidget(buttons)
