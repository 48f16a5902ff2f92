"""Wishes about restoring."""

from collections.abc import Callable
from pathlib import Path

from emdiff_app.gui.jobs import Restore
from emdiff_app.gui.model_form import ModelForm
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
        image, prior, wanted = self.image(self.to_restore), self.prior, self.wanted
        if image is None:
            self.tell("There is no image to restore yet; nothing was started. Choose one.", "warning")
        elif wanted.mode == "other":
            self._start(lambda form: OtherTask(image, form, wanted.method, wanted.method_settings))
        elif prior is None:
            self.tell("There is no prior to restore it with yet; nothing was started. Choose one.", "warning")
        else:
            self._start(lambda form: RestoreTask(image, prior, form, wanted, self.device))

    def restore_folder(self, folder: Path, out: Path) -> None:
        """Every image of a folder, into files: the channel, the axes and the pixel size are those of `to_restore`."""
        prior, wanted, image = self.prior, self.wanted, self.image(self.to_restore)
        said = {**image.said, "channel": image.channel} if image else {}
        if wanted.mode == "other":
            settings = wanted.method_settings
            self._start(lambda form: OtherBatchTask(folder, out, form, wanted.method, settings, said))
        elif prior is None:
            self.tell("There is no prior to restore with yet; nothing was started. Choose one.", "warning")
        else:
            self._start(lambda form: BatchTask(folder, out, prior, form, wanted, self.device, said))

    def cancel_restoring(self) -> None:
        self.restoring_job.stop()

    def _start(self, task: Callable[[ModelForm], Restore]) -> None:
        """With the form as it is now, if it can be used."""
        form = self._form_or_told()
        if form is None:
            return
        self.message, self.restored_words, self.shown = None, None, {}
        self.restoring_job.start(task(form))
