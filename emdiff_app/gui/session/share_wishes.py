"""Wishes about priors as files, and the same work as a command."""

from pathlib import Path
from typing import Any

from emdiff_app import priors
from emdiff_app.gui import runs

from .model_wishes import ModelWishes

__all__ = ["ShareWishes"]


class ShareWishes(ModelWishes):
    def use_prior(self, path: Path) -> None:
        self.prior = path

    def draw_samples(self) -> None:
        """What the prior believes images look like."""
        prior = self.prior
        if prior is None:
            return

        def work() -> Any:
            drawn = priors.draw_samples(priors.read_prior(prior)[0], 8)
            sheet = priors.contact_sheet(drawn)
            return sheet if sheet.ndim == 2 else sheet.mean(-1).astype(sheet.dtype)

        def show(sheet: Any) -> None:
            self.drawn = sheet

        self.task("Drawing samples from the prior", work, show)

    def export_prior(self, path: Path) -> None:
        """Give the prior away as a file; the dialog has asked before replacing one."""
        prior = self.prior
        if prior is not None:
            self.task(
                f"Exporting {path.name}",
                lambda: priors.export_prior(prior, path, overwrite=True),
                lambda made: self.tell(f"Exported the prior to {made}."),
            )

    def command_line(self) -> str:
        """What the window would do now, for a terminal: restore if there is a prior, else learn."""
        image = self.image(self.to_restore)
        model = runs.keep_model(self.runs_folder, self.form_now().imaging_model())
        if self.prior and image:
            return runs.restore_line(image, self.prior, model, self.samples)
        return runs.learn_line(self.learn_from, model, self.preset)
