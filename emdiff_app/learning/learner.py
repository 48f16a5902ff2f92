"""`learn(run)`: from corrupted images to a prior. No exception leaves it; all becomes events."""

import copy
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import torch

from emdiff_app.diffusion import parameter_count
from emdiff_app.diffusion.device import device_for
from emdiff_app.diffusion.memory import is_out_of_memory
from emdiff_app.errors import EMDiffError, RunError
from emdiff_app.images import IntensityScale, Stack, open_stack
from emdiff_app.physics import Imaging
from emdiff_app.priors import Card, Training, write_prior

from . import events
from .checkpoint import latest, read_checkpoint
from .control import FolderControl, StopRequested
from .crops import CropSet, draw_places
from .judging import Judgement, write_preview
from .recipe import Recipe
from .rounds import Rounds
from .run_folder import RunFolder
from .saving import Keeper
from .team import Alone, Team
from .timing import Clock
from .work import E_BATCH, Unstable, Work

__all__ = ["learn"]

TICK_S = 0.2
MOST_HALVINGS = 6


def learn(
    run: RunFolder, on_event: Callable[[Any], None] = lambda event: None, team: Team | None = None
) -> bool:
    """Do the work that the run's recipe asks for, from its last checkpoint on; True if it ended well."""
    writer = run.writer()
    team = team or Alone()

    def tell(event: Any) -> None:
        if team.leads or isinstance(event, events.Failed):
            writer.write(event)
        on_event(event)

    try:
        _Learner(run, run.recipe, tell, team).work()
    except EMDiffError as error:
        tell(events.Failed(text=str(error)))
        return False
    except Exception as error:
        tell(events.Failed(text=_words(error), details=traceback.format_exc(limit=20)))
        return False
    return True


def _words(error: Exception) -> str:
    if is_out_of_memory(error):
        return (
            "Memory ran out although only one crop was restored at a time; what was saved is kept. Close other "
            "programs, or choose smaller crops or a smaller network."
        )
    return (
        f"Learning stopped because of a mistake in EMDiff ({type(error).__name__}: {error}). Nothing that "
        "was saved is lost; resume the run, or report it with the details."
    )


class _Learner:
    """One process at work on one run."""

    def __init__(self, run: RunFolder, recipe: Recipe, tell: Callable[[Any], None], team: Team) -> None:
        self.run, self.recipe, self.tell, self.team = run, recipe, tell, team
        limit = None if recipe.time_limit_min is None else recipe.time_limit_min * 60
        self.control = FolderControl(run, time_limit_s=limit, on_pause=self._paused)
        self.keeper = Keeper(run, recipe.save_every_s, tell)
        self.clock = _clock(recipe)
        self._told = 0.0
        self._best = False

    def work(self) -> None:
        if "OMP_NUM_THREADS" not in os.environ:  # whoever set it has a reason
            torch.set_num_threads(psutil.cpu_count(logical=False) or os.cpu_count() or 1)
        stacks = self._open()
        self.rounds = Rounds(self._work(stacks), self._judged)
        try:
            self._restore(len(stacks))
            self._learn()
        except StopRequested:
            self._stopped()
            return
        if self.team.leads:
            self.tell(events.Finished(round=self.recipe.rounds, prior=self.run.prior.name))

    def _work(self, stacks: list[Stack]) -> Work:
        recipe, side = self.recipe, self.recipe.crop
        offset = getattr(recipe.model.noise, "offset", None)
        self.scale = IntensityScale.fit(stacks, offset=offset, seed=recipe.seed)
        judges, places = draw_places(stacks, side, recipe.held_out, recipe.crops, recipe.seed)
        device = device_for(recipe.device)
        self.pixel_size = {a: s.value for a, s in stacks[0].pixel_size.items() if s.unit == "um"}
        return Work(
            recipe=recipe,
            crops=CropSet(stacks, places, side, self.scale),
            judged=CropSet(stacks, judges, side, self.scale).batch(0, len(judges)).to(device),
            imaging=self._bind(stacks[0], device),
            device=device,
            control=self.control,
            team=self.team,
            samples=self.keeper.samples,
            tick=self._tick,
            keep=self._keep,
            notice=lambda text: self.tell(events.Notice(text=text)),
        )

    def _restore(self, images: int) -> None:
        name, damaged = latest(self.run.checkpoints) if self.team.leads else (None, [])
        for other in damaged:
            self.tell(events.Notice(text=f"The checkpoint {other} is damaged; the one before it is used."))
        name = self.team.agreed(name)
        if name is not None:
            self.rounds.restore(read_checkpoint(self.run.checkpoints / name))
        state = self.rounds.state
        parameters = parameter_count(self.rounds.prior) if self.rounds.trainer else 0
        self.tell(
            events.Started(
                rounds=self.recipe.rounds,
                device=str(self.rounds.work.device),
                images=images,
                crops=len(self.rounds.work.crops),
                parameters=parameters,
                resumed_from_round=None if name is None else max(state.round - 1, 0),
            )
        )

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
        self.rounds.restore(read_checkpoint(self.run.checkpoints / name))
        state = self.rounds.state
        state.halvings = halvings
        self.rounds.calm()
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
        preview = self.run.previews / f"round-{number:04d}.npz"

        def show() -> None:
            write_preview(preview, result)
            self.tell(events.Preview(round=number, file=f"previews/{preview.name}"))

        self.keeper.write("preview", show)
        if best:
            prior, card = copy.deepcopy(self.rounds.prior), self._card()
            self.keeper.write("prior", lambda: write_prior(self.run.prior, prior, card))
        self._best = best

    def _keep(self, now: bool = False) -> None:
        """Save if it is time to; only the leader of a team does."""
        if not self.team.leads:
            return
        training = self.rounds.state.stage == "m-step"
        if now or (self.keeper.due and training):
            snapshot = self.rounds.snapshot()
            if snapshot is not None:
                self.keeper.save(snapshot, best=self._best)
                self._best = False
        elif self.keeper.trouble and self.keeper.due:
            self.keeper.pay()

    def _stopped(self) -> None:
        self._keep(True)
        if not self.team.leads:
            return
        self.run.clear_requests()
        kept = self.run.prior.name if self.run.prior.exists() else None
        self.tell(events.Stopped(round=self.rounds.state.round, prior=kept))

    def _card(self) -> Card:
        prior, recipe = self.rounds.prior, self.recipe
        training = Training(
            images=tuple(Path(s).name for s in recipe.stacks),
            crops=len(self.rounds.work.crops),
            rounds=self.rounds.state.round,
            held_out=tuple(self.rounds.state.scores),
        )
        return Card(
            size=prior.size,
            channels=prior.channels,
            sigma_data=prior.sigma_data,
            mean=prior.mean,
            scale=self.scale,
            pixel_size_um=self.pixel_size,
            model=recipe.model,
            training=training,
        )

    def _open(self) -> list[Stack]:
        recipe = self.recipe
        return [
            open_stack(Path(name), axes=recipe.axes, pixel_size=recipe.pixel_size_um, channel=recipe.channel)
            for name in recipe.stacks
        ]

    def _bind(self, stack: Stack, device: torch.device) -> Imaging:
        side = self.recipe.crop
        return self.recipe.model.bind(
            (side, side), pixel_size=stack.pixel_size, scale=self.scale, device=device
        )

    def _tick(self, phase: str, step: int, steps: int, loss: float | None) -> None:
        if not self.team.leads:
            return
        now = self.clock.tick(phase)
        if step < steps and now - self._told < TICK_S:
            return
        self._told = now
        self.tell(
            events.Progress(
                round=self.rounds.state.round,
                phase=phase,  # type: ignore[arg-type]
                step=step,
                steps=steps,
                loss=loss,
                remaining_s=self.clock.remaining_s(),
            )
        )

    def _paused(self, paused: bool) -> None:
        if self.team.leads:
            self.tell(events.Paused() if paused else events.Resumed())
        self.clock.wait()


def _clock(recipe: Recipe) -> Clock:
    """What the whole run consists of; weights are in evaluations of the network."""
    batches = -(-recipe.crops // E_BATCH)
    return Clock(
        planned={
            "start": recipe.gaussian_rounds,
            "e-step": batches * (recipe.rounds + 1),
            "m-step": recipe.first_steps + recipe.rounds * recipe.steps,
            "score": recipe.rounds + 1,
        },
        weight={
            "start": 10,
            "e-step": E_BATCH * recipe.sampler_steps,
            "m-step": 3 * recipe.batch,
            "score": 500,
        },
    )
