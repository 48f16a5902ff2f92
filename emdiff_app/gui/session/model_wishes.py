"""Wishes about the imaging model: measure it, read it."""

from pathlib import Path
from typing import Any

from emdiff_app.gui.host import ImageRef
from emdiff_app.gui.model_form import ModelForm
from emdiff_app.physics import ImagingModel

from .state import State

__all__ = ["ModelWishes", "measured"]


class ModelWishes(State):
    def estimate(self) -> None:
        """Measure the noise on the first ticked image."""
        image = next(iter(self.learn_from), None)
        if image is None:
            self.tell("No image is ticked, so there is nothing to measure; tick one under Images.", "warning")
            return
        self.task(f"Measuring the noise of {image.name}", lambda: measured(image), self._use_estimate)

    def _use_estimate(self, found: Any) -> None:
        self.form = self.form.with_noise(found.model)
        if found.caveats:
            self.tell(" ".join(found.caveats), "warning")

    def load_model(self, path: Path) -> None:
        """Fill the form from a model file."""

        def use(model: ImagingModel) -> None:
            self.form = ModelForm.of(model, path.parent)

        self.task(f"Reading {path.name}", lambda: ImagingModel.read(path), use)


def measured(image: ImageRef) -> Any:
    """The noise of an image, and what there is to say about it."""
    from emdiff_app.physics import estimate_noise  # brings scipy's statistics with it

    return estimate_noise(image.stack)
