"""Wishes about restoring."""

from pathlib import Path

from emdiff_app.gui.restoration import BatchTask, RestoreTask

from .model_wishes import ModelWishes

__all__ = ["RestoreWishes"]


class RestoreWishes(ModelWishes):
    def restore(self) -> None:
        image, prior = self.image(self.to_restore), self.prior
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
        if prior is None:
            self.tell("There is no prior to restore with yet; nothing was started. Choose one.", "warning")
            return
        form = self._form_or_told()
        if form is None:
            return
        self._begin()
        self.restoring_job.start(BatchTask(folder, out, prior, form, self.wanted, self.device))

    def cancel_restoring(self) -> None:
        self.restoring_job.stop()

    def _begin(self) -> None:
        self.message, self.restored_words, self.shown = None, None, {}
