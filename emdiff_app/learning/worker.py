"""One process at work on a run: it prepares, goes on from the last save, judges, saves and tells."""

import contextlib
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import torch

from emdiff_app.diffusion import parameter_count
from emdiff_app.errors import EMDiffError, RunError

from .judging.judgement import Judgement
from .judging.standing import misfit
from .machine import device_name, memory_used
from .pace.planning import clock_for, clock_phase, steps_done
from .preparing import prepare
from .recipe import Recipe
from .rounds import Rounds
from .runs import events
from .runs.control import FolderControl, StopRequested
from .runs.inputs import Inputs, InputsGoneError
from .runs.run_folder import RunFolder
from .runs.saving import Keeper
from .runs.space import check_space, space_needed
from .saves import Saves
from .steps.start import network_of
from .team import Team
from .work import Unstable, last_judged

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
            begun=any(self.run.checkpoints.glob("*.safetensors")),
            tick=self._tick,
            keep=self._keep,
            notice=lambda text: self.tell(events.Notice(text=text)),
        )
        if self.team.leads:
            self.inputs.begin()
        self.saves = Saves(self.run, self.keeper, self.prepared, self.tell)
        self.rounds = Rounds(self.prepared.work, self._judged)
        try:
            self._restore()
            self._learn()
            if self.team.leads:
                self.saves.see_to_prior(self.rounds)
            self._all_written()
        except StopRequested:
            self.team.leave()
            self._stopped()
            return
        except Exception:
            self._rescue()
            raise
        if self.team.leads:
            state = self.rounds.state
            self.keeper.samples.forget(state.round)
            if words := misfit(state):
                self.tell(events.Notice(text=words))
            late = self.rounds.out_of_time
            self.tell(events.Finished(round=last_judged(state), prior=self.run.prior.name, out_of_time=late))

    def _restore(self) -> None:
        name = self.team.agreed(self.saves.last() if self.team.leads else None)
        if name is not None:
            self.saves.go_to(name, self.rounds)
            if self.team.leads:
                self.saves.see_to_prior(self.rounds)
        state, work = self.rounds.state, self.rounds.work
        channels, area = work.judged.shape[1], math.prod(work.imaging.domain)
        parameters = parameter_count(network_of(work))
        if self.team.leads:
            room = space_needed(
                parameters, len(work.crops) * channels * area, fresh=self.recipe.scratch_rounds > 0
            )
            check_space(self.run.path, room)
        plan = self.team.size, self.rounds.begins_with
        self.clock = clock_for(self.recipe, *plan)
        self._set_clock()
        self.tell(
            events.Started(
                rounds=self.recipe.last_round,
                device=str(work.device),
                device_name=device_name(work.device),
                processes=self.team.size,
                images=len(self.prepared.stacks),
                crops=len(work.crops),
                parameters=parameters,
                resumed_from_round=None if name is None else last_judged(state),
            )
        )

    def _set_clock(self) -> None:
        """By where the run is: rounds are left out when patience ends, and steps are done twice after a fault."""
        self.clock.done = steps_done(self.recipe, self.rounds.state, self.team.size, self.rounds.begins_with)

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
        name = self.team.agreed(self.saves.last() if self.team.leads else None)
        if name is None or halvings > MOST_HALVINGS:
            raise RunError(
                f"Training became unstable at step {unstable.step} however small its steps were; what was saved is "
                "kept. Look at the images and the imaging model: their sizes may not fit each other."
            )
        self.saves.go_to(name, self.rounds)
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
        self.saves.judged(self.rounds, result, best)

    def _keep(self, now: bool = False) -> None:
        """Save if it is time to, and see that the images are still there; only the leader of a team does."""
        if not self.team.leads:
            return
        if now:  # a stage is over
            self._set_clock()
        training = self.rounds.state.stage in ("m-step", "denoise")
        if now or (self.keeper.due and (training or self.keeper.unsaved)):
            self.saves.save(self.rounds)
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
                    self.saves.save(self.rounds)
        except EMDiffError:
            pass

    def _all_written(self) -> None:
        """The result is worth waiting for, as long as its folder is there."""
        while self.team.leads and not self.saves.written(self.rounds):
            if not self.run.path.is_dir():
                raise RunError(f"The run folder {self.run.path} was removed, and what was learned with it.")
            self.control.check(to_the_end=True)
            time.sleep(1.0)

    def _stopped(self) -> None:
        if not self.team.leads:
            return
        self.saves.save(self.rounds)
        self.run.clear_requests()
        kept = self.run.prior.name if self.run.prior.exists() else None
        what = "the last save" if self.keeper.unsaved else "a file of the run, which resuming makes good"
        unsaved = "" if self.keeper.pay() else f"the disk refused {what}; {self.keeper.since()}"
        self.tell(events.Stopped(round=self.rounds.state.round, prior=kept, unsaved=unsaved))

    def _tick(self, phase: str, step: int, steps: int, loss: float | None) -> None:
        if not self.team.leads:
            return
        now = self.clock.tick(clock_phase(phase, self.rounds.state.round, self.rounds.begins_with))
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
