"""Wishes about priors as files, and the same work as a command."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from emdiff_app import priors
from emdiff_app.errors import EMDiffError
from emdiff_app.gui import runs
from emdiff_app.gui.prior_card import PriorFile, read_prior_file
from emdiff_app.gui.torch_ahead import load_torch
from emdiff_app.priors import read_card

from .model_wishes import ModelWishes

__all__ = ["ShareWishes"]


class ShareWishes(ModelWishes):
    def import_prior(self, path: Path) -> None:
        """Read what the file says of itself; `offered` is answered by `use_prior` or not at all."""

        def show(file: PriorFile) -> None:
            self.offered = file

        self.task(f"Reading {path.name}", partial(read_prior_file, path), show)

    def use_prior(self, path: Path) -> None:
        self.prior, self.offered, self.learned = path, None, None
        self.tell(f"{path.name} is the prior now; choose an image under Restore.")

    def ask_card(self, show: Callable[[str, str], None]) -> None:
        """What the card of the present prior says: its name and its licence."""
        prior = self.prior
        if prior is not None:
            self.task(
                f"Reading {prior.name}", partial(read_card, prior), lambda card: show(card.name, card.licence)
            )

    def draw_samples(self) -> None:
        """What the prior believes images look like."""
        prior = self.prior
        if prior is None:
            return

        def work() -> Any:
            load_torch()
            drawn = priors.draw_samples(priors.read_prior(prior)[0], 8)
            sheet = priors.contact_sheet(drawn)
            return sheet if sheet.ndim == 2 else sheet.mean(-1).astype(sheet.dtype)

        def show(sheet: Any) -> None:
            self.drawn = sheet

        self.task("Drawing samples from the prior", work, show)

    def export_prior(self, path: Path, **words: str) -> None:
        """Give the prior away as a file; the dialog has asked before replacing one."""
        prior = self.prior
        if prior is not None:
            self.task(
                f"Exporting {path.name}",
                lambda: _exported(prior, path, words),
                lambda made: self.tell(f"Exported the prior to {made}."),
            )

    def command_line(self) -> str:
        """What the window would do now, for a terminal: restore if there is a prior, else learn."""
        image = self.image(self.to_restore)
        model = self._model_file()
        if image and self.wanted.mode == "other":
            return runs.other_line(image, model, self.wanted, self.device)
        if self.prior and image:
            return runs.restore_line(image, self.prior, model, self.wanted, self.device)
        choices = runs.Choices(self.preset, self.device, self.changes, self.start)
        return runs.learn_line(self.learn_from, model, choices)

    def _model_file(self) -> Path | None:
        """None where the form says nothing: a command, too, then measures the noise or takes the prior's own model."""
        form = self.form_now()
        if form.says_nothing:
            return None
        if form.noise is None:
            raise EMDiffError(
                "The noise is not known yet, and a command takes it from the imaging model; nothing was copied. Press "
                "Estimate for me under What went wrong, or type it in."
            )
        return runs.keep_model(self.runs_folder, form.imaging_model())


def _exported(prior: Path, path: Path, words: Mapping[str, str]) -> Path:
    load_torch()
    return priors.export_prior(
        prior, path, overwrite=True, name=words.get("name"), licence=words.get("licence")
    )
