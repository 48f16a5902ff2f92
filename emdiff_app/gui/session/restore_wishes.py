"""Wishes about restoring."""

from emdiff_app.gui.restoration import RestoreTask

from .state import State

__all__ = ["RestoreWishes"]


class RestoreWishes(State):
    def restore(self) -> None:
        image, prior = self.image(self.to_restore), self.prior
        if image is None or prior is None:
            lacking = "image to restore" if image is None else "prior to restore it with"
            self.tell(f"There is no {lacking} yet; nothing was started. Choose one.", "warning")
            return
        self.message = None
        self.restoring_job.start(RestoreTask(image, prior, self.form, self.samples, self.device, self.spread))

    def cancel_restoring(self) -> None:
        self.restoring_job.stop()
