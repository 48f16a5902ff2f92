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
        self.take = button("Import prior...", self._import, "Use a prior that someone else has learned.")
        self.copy = button("Copy as command", self._copy, "The same as a line for the terminal.")
        self.body.addLayout(line(self.give, self.take, self.copy))
        session.events.prior.connect(self._show)
        self._show()

    def _show(self) -> None:
        self.give.setEnabled(self.session.prior is not None)

    def _export(self) -> None:
        path = self.session.host.ask_new_file("Export the prior", "prior.emprior", PRIORS)
        if path is not None:
            self.session.export_prior(path if path.suffix else path.with_suffix(".emprior"))

    def _import(self) -> None:
        for path in self.session.host.ask_files("Import a prior", PRIORS)[:1]:
            self.session.use_prior(Path(path))

    def _copy(self) -> None:
        try:
            words = self.session.command_line()
        except EMDiffError as error:
            self.session.tell(str(error), "warning")
            return
        self.session.copy(words)
