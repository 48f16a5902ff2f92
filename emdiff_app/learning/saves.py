"""The saves of a run: which to go on from, writing the next one, and the prior of the best round."""

import contextlib
import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emdiff_app.diffusion.memory import is_out_of_memory
from emdiff_app.errors import EMDiffError, RunError
from emdiff_app.priors import read_card, write_prior
from emdiff_app.system import command_line

from .judging.judgement import Judgement, write_preview
from .judging.pictures import preview_picture, read_preview
from .preparing import Prepared
from .rounds import Rounds
from .runs import events
from .runs.checkpoint import BEST, latest, read_checkpoint
from .runs.run_folder import RunFolder
from .runs.saving import Keeper

__all__ = ["Saves"]


class Saves:
    """What one process reads of the run folder and writes to it, for a run that was `prepared`."""

    def __init__(
        self, run: RunFolder, keeper: Keeper, prepared: Prepared, tell: Callable[[Any], None]
    ) -> None:
        self.run, self.keeper, self.prepared, self.tell = run, keeper, prepared, tell
        self._best = False
        """Whether the round that was judged last is the best so far, and no save holds it yet."""

    def last(self) -> str | None:
        """The newest save that is whole; one that is not is put aside, and told."""
        name, damaged = latest(self.run.checkpoints)
        if damaged and name is None and self.run.prior.exists():
            start = command_line("--start", f"prior:{self.run.prior}")
            raise RunError(
                f"No save of this run can be read any more ({', '.join(damaged)}), so it cannot go on; its prior "
                f"{self.run.prior.name} is kept as it is. Begin a new run with {start}"
            )
        if damaged:
            instead = (
                "no other is left, so the run begins anew" if name is None else f"{name} is used instead"
            )
            self.tell(
                events.Notice(text=f"Damaged checkpoints were put aside ({', '.join(damaged)}); {instead}.")
            )
        return name

    def go_to(self, name: str, rounds: Rounds) -> None:
        """Set `rounds` to where this save was made."""
        try:
            rounds.restore(read_checkpoint(self.run.checkpoints / name))
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise
            raise RunError(
                f"The checkpoint {name} was made by another version of EMDiff, and this one cannot go on from it; "
                "nothing was changed. Use that version, or begin a new run with --start prior:FILE from its prior."
            ) from None

    def save(self, rounds: Rounds) -> None:
        """Now, if there is something worth keeping and the disk allows."""
        snapshot = rounds.snapshot()
        if snapshot is not None:
            judged = rounds.state.stage == "e-step"  # else the weights are those of the next round already
            if self.keeper.save(snapshot, best=self._best and judged):
                self._best = False

    def written(self, rounds: Rounds) -> bool:
        """Try to write all that is owed; whether it was."""
        if self.keeper.unsaved:
            self.save(rounds)
        return self.keeper.pay()

    def judged(self, rounds: Rounds, result: Judgement, best: bool) -> None:
        """Keep the pictures of a round, and its prior if it is the best so far."""
        number = rounds.state.round
        preview = self._preview(number)

        def show() -> None:
            write_preview(preview, result)
            self.tell(events.Preview(round=number, file=f"previews/{preview.name}"))

        self.keeper.write("preview", show)
        if best:
            self._write_prior(rounds)
        self._best = best

    def see_to_prior(self, rounds: Rounds) -> None:
        """See that the file of the prior is that of the best round, whatever was in the way of writing it before."""
        if "best_round" not in rounds.state.notes:
            return
        wanted = int(rounds.state.notes["best_round"])
        with contextlib.suppress(EMDiffError):
            if read_card(self.run.prior).training.rounds == wanted:
                return
        for save in (BEST, latest(self.run.checkpoints)[0]):
            if save is None or not (self.run.checkpoints / save).is_file():
                continue
            found = Rounds(self.prepared.work, rounds.on_judged)
            with contextlib.suppress(Exception):  # damaged: the next one
                found.restore(read_checkpoint(self.run.checkpoints / save))
                last = found.state.round - 1 if found.state.stage == "e-step" else None
                if int(found.state.notes["best_round"]) == last == wanted:
                    found.state.round = wanted
                    self._write_prior(found)
                    return
        if not self.run.prior.exists():
            self.tell(
                events.Notice(
                    text=f"The prior of round {wanted}, the best one, is not there any more and no save holds it; "
                    "resume the run with more rounds for another."
                )
            )

    def _write_prior(self, rounds: Rounds) -> None:
        """The prior of a round that has just been judged, with its preview."""
        prior = copy.deepcopy(rounds.prior)
        card = self.prepared.card(prior, rounds.state)
        preview = self._preview(rounds.state.round)

        def pass_on() -> None:
            crops = read_preview(preview)
            picture = None if crops is None else preview_picture(crops)
            write_prior(self.run.prior, prior, card, preview=picture)

        self.keeper.write("prior", pass_on)

    def _preview(self, number: int) -> Path:
        return self.run.previews / f"round-{number:04d}.npz"
