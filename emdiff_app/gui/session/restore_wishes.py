"""Wishes about restoring."""

from pathlib import Path

from emdiff_app.gui.host import ImageRef
from emdiff_app.gui.other_methods import settings_words
from emdiff_app.gui.restoration import BatchTask, RestoreTask
from emdiff_app.gui.without_prior import OtherBatchTask, OtherTask

from .model_wishes import ModelWishes

__all__ = ["RestoreWishes"]


class RestoreWishes(ModelWishes):
    @property
    def can_restore(self) -> bool:
        """Whether what is wanted needs nothing more than an image."""
        return self.prior is not None or self.wanted.mode == "other"

    def restore(self) -> None:
        image, prior = self.image(self.to_restore), self.prior
        if image is not None and self.wanted.mode == "other":
            self._restore_without_prior(image)
            return
        if image is None or prior is None:
            lacking = "image to restore" if image is None else "prior to restore it with"
            self.tell(f"There is no {lacking} yet; nothing was started. Choose one.", "warning")
            return
        form = self._form_or_told()
        if form is None:
            return
        self._begin()
        self.restoring_job.start(RestoreTask(image, prior, form, self.wanted, self.device))

    def restore_folder(self, folder: Path, out: Path) -> None:
        """Every image of a folder, into files."""
        prior = self.prior
        if self.wanted.mode == "other":
            form = self._form_or_told()
            if form is not None:
                self._begin()
                self.restoring_job.start(OtherBatchTask(folder, out, form, *self._method))
            return
        if prior is None:
            self.tell("There is no prior to restore with yet; nothing was started. Choose one.", "warning")
            return
        form = self._form_or_told()
        if form is None:
            return
        self._begin()
        self.restoring_job.start(BatchTask(folder, out, prior, form, self.wanted, self.device))

    def _restore_without_prior(self, image: ImageRef) -> None:
        form = self._form_or_told()
        if form is not None:
            self._begin()
            self.restoring_job.start(OtherTask(image, form, *self._method))

    @property
    def _method(self) -> tuple[str, dict[str, float | int]]:
        name = self.wanted.method
        return name, settings_words(name, self.wanted.settings.get(name, {}))

    def cancel_restoring(self) -> None:
        self.restoring_job.stop()

    def _begin(self) -> None:
        self.message, self.restored_words, self.shown = None, None, {}
