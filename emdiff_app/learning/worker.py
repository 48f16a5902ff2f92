"""One process at work on a run: it prepares, goes on from the last save, judges, saves and tells."""

import contextlib
import copy
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import torch

from emdiff_app.diffusion import LearnedPrior, parameter_count
from emdiff_app.diffusion.memory import is_out_of_memory
from emdiff_app.errors import EMDiffError, RunError
from emdiff_app.priors import read_card, write_prior

from .judging.judgement import Judgement, write_preview
from .judging.pictures import preview_picture, read_preview
from .machine import device_name, memory_used
from .pace.planning import clock_for, steps_done
from .preparing import prepare
from .recipe import Recipe
from .rounds import Rounds
from .runs import events
from .runs.checkpoint import BEST, latest, read_checkpoint
from .runs.control import FolderControl, StopRequested
from .runs.inputs import Inputs, InputsGoneError
from .runs.run_folder import RunFolder
from .runs.saving import Keeper
from .runs.space import check_space, space_needed
from .team import Team
from .work import Unstable

__all__ = ["Worker"]

TICK_S = 0.2
MOST_TICKS = 10_000
"""Progress is told every so often, and less often the longer a run takes: its events stay a small file."""
LOOK_S = 5.0
"""The images are looked after so often."""
MOST_HALVINGS = 6


class Worker:
    """Does all of it in `work`; `tell` gets what happens."""

    def __init__(self, run: RunFolder, recipe: Recipe, tell: Callable[[Any], None], team: Team) -> None:
        self.run, self.recipe, self.tell, self.team = run, recipe, tell, team
        limit = None if recipe.time_limit_min is None else recipe.time_limit_min * 60
        self.control = FolderControl(run, time_limit_s=limit, on_pause=self._paused)
        self.keeper = Keeper(run, recipe.save_every_s, tell)
        self.clock = clock_for(recipe, team.size)
        given = (*recipe.stacks, *recipe.clean, *recipe.similar, *((recipe.prior,) if recipe.prior else ()))
        self.inputs = Inputs(run.path / "inputs.json", [Path(name) for name in given], run.settled)
        self._told = self._looked = 0.0
        self._began = time.monotonic()
        self._best = False

    def work(self) -> None:
        if "OMP_NUM_THREADS" not in os.environ:  # whoever set it has a reason
            torch.set_num_threads(psutil.cpu_count(logical=False) or os.cpu_count() or 1)
        if self.team.leads:
            self.run.make_folders()
            self.inputs.recall()
        self.prepared = prepare(
            self.recipe,
            self.control,
            self.team,
            self.keeper.samples,
            tick=self._tick,
            keep=self._keep,
            notice=lambda text: self.tell(events.Notice(text=text)),
        )
        if self.team.leads:
            self.inputs.begin()
        self.rounds = Rounds(self.prepared.work, self._judged)
        try:
            self._restore()
            self._learn()
            self._prior_of_the_best()
            self._all_written()
        except StopRequested:
            self.team.leave()
            self._stopped()
            return
        except Exception:
            self._rescue()
            raise
        if self.team.leads:
            present = self.rounds.state.round  # the one after the last, unless the time was over before
            self.keeper.samples.forget(present)
            self.tell(events.Finished(round=present - 1, prior=self.run.prior.name))

    def _restore(self) -> None:
        name = self.team.agreed(self._last_save() if self.team.leads else None)
        if name is not None:
            self._go_to(name)
            self._prior_of_the_best()
        state, work = self.rounds.state, self.rounds.work
        channels, area = work.judged.shape[1], math.prod(work.imaging.domain)
        parameters = parameter_count(LearnedPrior(self.recipe.size, channels, 1.0))
        if self.team.leads:
            check_space(self.run.path, space_needed(parameters, len(work.crops) * channels * area))
        plan = self.team.size, self.rounds.begins_with
        self.clock = clock_for(self.recipe, *plan)
        for phase, count in steps_done(self.recipe, state, *plan).items():
            self.clock.already(phase, count)
        self.tell(
            events.Started(
                rounds=self.recipe.last_round,
                device=str(work.device),
                device_name=device_name(work.device),
                processes=self.team.size,
                images=len(self.prepared.stacks),
                crops=len(work.crops),
                parameters=parameters,
                resumed_from_round=None if name is None else max(state.round - 1, 0),
            )
        )

    def _last_save(self) -> str | None:
        """The newest one that is whole; one that is not is put aside, and told."""
        name, damaged = latest(self.run.checkpoints)
        if damaged and name is None and self.run.prior.exists():
            raise RunError(
                f"No save of this run can be read any more ({', '.join(damaged)}), so it cannot go on; its prior "
                f"{self.run.prior.name} is kept as it is. Begin a new run with --start prior:{self.run.prior}"
            )
        if damaged:
            instead = (
                "no other is left, so the run begins anew" if name is None else f"{name} is used instead"
            )
            self.tell(
                events.Notice(text=f"Damaged checkpoints were put aside ({', '.join(damaged)}); {instead}.")
            )
        return name

    def _prior_of_the_best(self) -> None:
        """See that the file of the prior is that of the best round, whatever was in the way of writing it before."""
        if not self.team.leads or "best_round" not in self.rounds.state.notes:
            return
        wanted = int(self.rounds.state.notes["best_round"])
        with contextlib.suppress(EMDiffError):
            if read_card(self.run.prior).training.rounds == wanted:
                return
        for save in (BEST, latest(self.run.checkpoints)[0]):
            if save is None or not (self.run.checkpoints / save).is_file():
                continue
            found = Rounds(self.prepared.work, self._judged)
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

    def _go_to(self, name: str) -> None:
        try:
            self.rounds.restore(read_checkpoint(self.run.checkpoints / name))
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise
            raise RunError(
                f"The checkpoint {name} was made by another version of EMDiff, and this one cannot go on from it; "
                "nothing was changed. Use that version, or begin a new run with --start prior:FILE from its prior."
            ) from None

    def _learn(self) -> None:
        while not self.rounds.finished:
            try:
                self.rounds.go_on()
            except Unstable as unstable:
                self._go_back(unstable)

    def _go_back(self, unstable: Unstable) -> None:
        """To the last good state, with half the learning rate, which is saved so that it is not forgotten."""
        self.team.barrier()
        halvings = self.rounds.state.halvings + 1
        name = self.team.agreed(latest(self.run.checkpoints)[0])
        if name is None or halvings > MOST_HALVINGS:
            raise RunError(
                f"Training became unstable at step {unstable.step} however small its steps were; what was saved is "
                "kept. Look at the images and the imaging model: their sizes may not fit each other."
            )
        self._go_to(name)
        state = self.rounds.state
        state.halvings = halvings
        self.tell(
            events.Notice(
                text=f"Training became unstable at step {unstable.step}; went back to "
                f"{f'step {state.step}' if state.stage == 'm-step' else 'the start of the round'} with half the "
                "learning rate."
            )
        )
        self._keep(True)

    def _judged(self, result: Judgement, best: bool) -> None:
        number = self.rounds.state.round
        self.tell(
            events.Scored(
                round=number,
                held_out=result.held_out,
                chi2=result.chi2,
                residuals=result.residuals,
                best=best,
            )
        )
        preview = self._preview(number)

        def show() -> None:
            write_preview(preview, result)
            self.tell(events.Preview(round=number, file=f"previews/{preview.name}"))

        self.keeper.write("preview", show)
        if best:
            self._write_prior(self.rounds)
        self._best = best

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

    def _keep(self, now: bool = False) -> None:
        """Save if it is time to, and see that the images are still there; only the leader of a team does."""
        if not self.team.leads:
            return
        training = self.rounds.state.stage in ("m-step", "denoise")
        if now or (self.keeper.due and (training or self.keeper.unsaved)):
            self._save()
        elif self.keeper.trouble and self.keeper.due:
            self.keeper.pay()
        if time.monotonic() - self._looked > LOOK_S:
            self._looked = time.monotonic()
            self.inputs.check()

    def _rescue(self) -> None:
        """What was learned is saved where nothing but an image has gone missing."""
        try:
            self.inputs.check()
        except InputsGoneError:
            with contextlib.suppress(EMDiffError, OSError):
                if self.team.leads:
                    self._save()
        except EMDiffError:
            pass

    def _save(self) -> None:
        snapshot = self.rounds.snapshot()
        if snapshot is not None:
            judged = (
                self.rounds.state.stage == "e-step"
            )  # else the weights are those of the next round already
            if self.keeper.save(snapshot, best=self._best and judged):
                self._best = False

    def _written(self) -> bool:
        """Try to write all that is owed; whether it was."""
        if self.keeper.unsaved:
            self._save()
        return self.keeper.pay()

    def _all_written(self) -> None:
        """The result is worth waiting for, as long as its folder is there."""
        while self.team.leads and not self._written():
            if not self.run.path.is_dir():
                raise RunError(f"The run folder {self.run.path} was removed, and what was learned with it.")
            self.control.check(to_the_end=True)
            time.sleep(1.0)

    def _stopped(self) -> None:
        if not self.team.leads:
            return
        self._save()
        self.run.clear_requests()
        kept = self.run.prior.name if self.run.prior.exists() else None
        what = "the last save" if self.keeper.unsaved else "a file of the run, which resuming makes good"
        unsaved = "" if self.keeper.pay() else f"the disk refused {what}; {self.keeper.since()}"
        self.tell(events.Stopped(round=self.rounds.state.round, prior=kept, unsaved=unsaved))

    def _tick(self, phase: str, step: int, steps: int, loss: float | None) -> None:
        if not self.team.leads:
            return
        now = self.clock.tick(phase)
        if step < steps and now - self._told < max(TICK_S, (now - self._began) / MOST_TICKS):
            return
        self._told = now
        # The clock takes both for training; whoever looks on wants to know which it is.
        shown = "denoise" if self.rounds.state.stage == "denoise" else phase
        self.tell(
            events.Progress(
                round=self.rounds.state.round,
                phase=shown,  # type: ignore[arg-type]
                step=step,
                steps=steps,
                loss=loss,
                memory_bytes=memory_used(self.rounds.work.device),
                remaining_s=self._remaining_s(),
            )
        )

    def _remaining_s(self) -> tuple[float, float] | None:
        """By the pace so far, and no more than the time limit allows."""
        remaining, limit = self.clock.remaining_s(), self.control.left_s
        if remaining is None or limit is None:
            return remaining
        return min(remaining[0], limit), min(remaining[1], limit)

    def _paused(self, paused: bool) -> None:
        if self.team.leads:
            self.tell(events.Paused() if paused else events.Resumed())
        if paused and torch.cuda.is_available():
            torch.cuda.empty_cache()  # others may want it meanwhile
        self.clock.wait()
