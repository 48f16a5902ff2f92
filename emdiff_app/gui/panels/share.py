"""Step 5: give the prior away, take one in, or do the same in a terminal."""

from pathlib import Path

from emdiff_app.errors import EMDiffError
from emdiff_app.gui.session import Session

from .section import Section, button, line

__all__ = ["SharePanel"]

PRIORS = "Priors (*.emprior)"


class SharePanel(Section):
    def __init__(self, session: Session) -> None:
        super().__init__(5, "Share")
        self.session = session
        self.give = button("Export prior...", self._export, "One file that a colleague can use.")
        self.take = button("Import prior...", self.ask_prior, "Use a prior that someone else has learned.")
        self.copy = button("Copy as command", self._copy, "The same as a line for the terminal.")
        self.body.addLayout(line(self.give, self.take, self.copy))
        session.events.prior.connect(self._show)
        session.events.offered.connect(self._ask)
        self._show()

    def _show(self) -> None:
        self.give.setEnabled(self.session.prior is not None)

    def _export(self) -> None:
        self.session.ask_card(self._ask_words)

    def _ask_words(self, name: str, licence: str) -> None:
        from emdiff_app.gui.dialogs.export import ExportDialog

        dialog = ExportDialog(name, licence, self)
        dialog.accepted.connect(lambda: self._save(dialog.words()))
        dialog.open()

    def _save(self, words: dict[str, str]) -> None:
        path = self.session.host.ask_new_file("Export the prior", "prior.emprior", PRIORS)
        if path is None:
            return
        if path.suffix != ".emprior":
            path = path.with_name(f"{path.name}.emprior")
            if path.exists():  # the dialog has asked about the name without the ending
                self.session.tell(
                    f"{path.name} is there already and was left as it is, so nothing was exported. Choose another "
                    f"name, or choose {path.name} itself to replace it.",
                    "warning",
                )
                return
        self.session.export_prior(path, **words)

    def ask_prior(self) -> None:
        for path in self.session.host.ask_files("Import a prior", PRIORS)[:1]:
            self.session.import_prior(Path(path))

    def _ask(self) -> None:
        file = self.session.offered
        if file is not None:
            from emdiff_app.gui.dialogs.import_ import ImportDialog

            dialog = ImportDialog(file, self)
            dialog.accepted.connect(lambda: self.session.use_prior(file.path))
            dialog.open()

    def _copy(self) -> None:
        try:
            words = self.session.command_line()
        except EMDiffError as error:
            self.session.tell(str(error), "warning")
            return
        self.session.copy(words)
