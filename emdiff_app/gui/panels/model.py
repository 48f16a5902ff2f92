"""Step 2: how the clean images became the recorded ones."""

from emdiff_app.gui.session import Session

from .blur_fields import BlurFields
from .missing_fields import LowResolutionFields, MissingFields
from .noise_fields import NoiseFields
from .section import Section, button, line, text

__all__ = ["ModelPanel"]


class ModelPanel(Section):
    """Shows `session.form`; each part makes a new one of what is typed in it."""

    def __init__(self, session: Session) -> None:
        super().__init__(2, "What went wrong")
        self.session = session
        self.noise = NoiseFields(session)
        self.blur = BlurFields(session)
        self.missing = MissingFields(session)
        self.resolution = LowResolutionFields(session)
        self.other = text(name="Further steps of the model")
        self.preview = button(
            "Preview the model...",
            self._preview,
            "Record a clean sample under this model and compare it with yours.",
        )
        self.load = button("Load model...", self._load, "Read an imaging model from a JSON file.")
        self.body.addWidget(self.noise)
        self.body.addLayout(line(self.blur.on, self.missing.on, self.resolution.on))
        for part in (self.blur, self.missing, self.resolution, self.other):
            self.body.addWidget(part)
        self.body.addLayout(line(self.preview, self.load))
        session.events.form.connect(self._show)
        self._show()

    def _load(self) -> None:
        for path in self.session.host.ask_files("Load an imaging model", "Imaging model (*.json)")[:1]:
            self.session.load_model(path)

    def _preview(self) -> None:
        from emdiff_app.gui.dialogs.model_preview import PreviewDialog

        self.session.preview_model(lambda preview: PreviewDialog(preview, self).show())

    def _show(self) -> None:
        form = self.session.form
        self.other.setText(f"Also in this model: {form.other_words()}." if form.other else "")
        self.other.setVisible(bool(form.other))
