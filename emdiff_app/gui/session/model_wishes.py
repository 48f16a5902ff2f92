"""Wishes about the imaging model: measure it, read it, look at it."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from emdiff_app.errors import EMDiffError
from emdiff_app.gui.host import ImageRef
from emdiff_app.gui.model_form import Missing, ModelForm
from emdiff_app.gui.model_pictures import ModelPreview, draw_psf, noise_fit, preview_model
from emdiff_app.images.atomic import replacing
from emdiff_app.physics import ImagingModel

from .state import State

__all__ = ["ModelWishes"]


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
        self.noise_fit = noise_fit(found)
        if found.caveats:
            self.tell(" ".join(found.caveats), "warning")

    def load_model(self, path: Path) -> None:
        """Fill the form from a model file."""

        def use(model: ImagingModel) -> None:
            self.form = ModelForm.of(model, path.parent)
            self.noise_fit = None

        self.task(f"Reading {path.name}", lambda: ImagingModel.read(path), use)

    def draw_missing(self) -> None:
        """A new drawing for the missing pixels, over the image that is learned from."""
        image = next(iter(self.learn_from), None)
        if image is None:
            self.tell("No image is ticked, so there is nothing to draw on; tick one under Images.", "warning")
            return
        key = self.host.new_mask(image.key)
        self.form = replace(
            self.form, missing=replace(self.form.missing or Missing(), kind="layer", layer=key)
        )
        self.tell("Paint over the missing pixels in the new layer.")

    def _form_or_told(self) -> ModelForm | None:
        """The form as it is now; where it cannot be used, nothing but words why."""
        try:
            form = self.form_now()
            form.imaging_model()  # a field that is empty is better said now
            return form
        except EMDiffError as error:
            self.tell(str(error), "warning")
            return None

    def form_now(self) -> ModelForm:
        """The form with what is drawn in the viewer kept as a file, which is all that the engine knows."""
        missing = self.form.missing
        if missing is None or missing.kind != "layer":
            return self.form
        marked = self.host.mask(missing.layer)
        if marked is None:  # and a file that was chosen before marks nothing here
            return replace(self.form, missing=replace(missing, path=""))
        if not marked.any():
            raise EMDiffError(
                "Nothing is painted in the layer of the missing pixels, so nothing was started; paint over them, or "
                "untick Missing pixels."
            )
        name = hashlib.sha256(repr(marked.shape).encode() + marked.tobytes()).hexdigest()[:16]
        path = self.runs_folder / "masks" / f"{name}.npy"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path, overwrite=True) as temporary, temporary.open("wb") as file:
                np.save(file, marked.astype(np.uint8), allow_pickle=False)
        except OSError as error:
            raise EMDiffError(
                f"The missing pixels could not be kept in {path.parent} ({error.strerror}), so nothing was started; "
                "make room or choose another folder for runs."
            ) from None
        return replace(self.form, missing=replace(missing, path=str(path)))

    def look_at_psf(self) -> None:
        """Draw the blur of the form; a form that is not complete yet has no picture."""
        image = next(iter(self.learn_from), None)
        form = replace(self.form, missing=None, other=())
        try:
            model = form.imaging_model()
        except EMDiffError:
            self.psf = None
            return
        if form.blur is None:
            self.psf = None
            return

        def show(picture: Any) -> None:
            self.psf = picture

        self.task("Drawing the PSF", partial(draw_psf, model, image.stack.pixel_size if image else {}), show)

    def preview_model(self, show: Callable[[ModelPreview], None]) -> None:
        """What the model makes of a sample; `show` is called when it is there."""
        image = next(iter(self.learn_from), None)
        if image is None:
            self.tell(
                "No image is ticked, so there is nothing to compare with; tick one under Images.", "warning"
            )
            return
        form = self._form_or_told()
        if form is None:
            return
        restored = self.restored.get(image.key)

        def work() -> ModelPreview:
            return preview_model(form.complete(image.stack).imaging_model(), image.stack, restored)

        self.task("Recording a sample", work, show)


def measured(image: ImageRef) -> Any:
    """The noise of an image, and what there is to say about it."""
    from emdiff_app.physics import estimate_noise  # brings scipy's statistics with it

    return estimate_noise(image.stack)
