"""`learn(recipe, run_dir)`: from corrupted images to a prior. No exception leaves it; all becomes events."""

import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import torch

from emdiff_app.diffusion import parameter_count
from emdiff_app.diffusion.device import device_for
from emdiff_app.errors import EMDiffError
from emdiff_app.images import IntensityScale, Stack, open_stack
from emdiff_app.physics import Imaging
from emdiff_app.priors import Card, Training, write_prior

from . import events
from .checkpoint import load_latest, save_checkpoint
from .control import FolderControl, StopRequested
from .crops import CropSet, draw_places
from .judging import judge, write_preview
from .recipe import Recipe
from .rounds import E_BATCH, Rounds, seeded
from .run_folder import RunFolder
from .timing import Clock

__all__ = ["learn"]

TICK_S = 0.2


def learn(run: RunFolder, on_event: Callable[[Any], None] = lambda event: None) -> bool:
    """Do the work that the run's recipe asks for, from its last checkpoint on; True if it ended well."""
    writer = run.writer()

    def tell(event: Any) -> None:
        writer.write(event)
        on_event(event)

    try:
        _Learner(run, run.recipe, tell).work()
    except EMDiffError as error:
        tell(events.Failed(text=str(error)))
        return False
    except Exception as error:
        text = (
            f"Learning stopped because of a mistake in EMDiff ({type(error).__name__}: {error}). Nothing that "
            "was saved is lost; resume the run, or report it with the details."
        )
        tell(events.Failed(text=text, details=traceback.format_exc(limit=20)))
        return False
    return True


class _Learner:
    """One process at work on one run."""

    def __init__(self, run: RunFolder, recipe: Recipe, tell: Callable[[Any], None]) -> None:
        self.run, self.recipe, self.tell = run, recipe, tell
        limit = None if recipe.time_limit_min is None else recipe.time_limit_min * 60
        self.control = FolderControl(run, time_limit_s=limit, on_pause=self._paused)
        e_steps = -(-recipe.crops // E_BATCH)
        self.clock = Clock(
            planned={
                "start": recipe.gaussian_rounds,
                "e-step": e_steps * (recipe.rounds + 1),
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
        self.round = 0
        self.scores: list[float] = []
        self._told = 0.0

    def work(self) -> None:
        if "OMP_NUM_THREADS" not in os.environ:  # whoever set it has a reason
            torch.set_num_threads(psutil.cpu_count(logical=False) or os.cpu_count() or 1)
        stacks = self._open()
        offset = getattr(self.recipe.model.noise, "offset", None)
        self.scale = IntensityScale.fit(stacks, offset=offset, seed=self.recipe.seed)
        judges, places = draw_places(
            stacks, self.recipe.crop, self.recipe.held_out, self.recipe.crops, self.recipe.seed
        )
        side = self.recipe.crop
        self.imaging = self._bind(stacks[0], side)
        crops = CropSet(stacks, places, side, self.scale)
        device = device_for(self.recipe.device)
        self.judged = CropSet(stacks, judges, side, self.scale).batch(0, len(judges)).to(device)
        self.pixel_size = {a: s.value for a, s in stacks[0].pixel_size.items() if s.unit == "um"}
        self.rounds = Rounds(self.recipe, crops, self.imaging, device, self.control, self._tick)
        try:
            self._go(len(stacks), len(places))
        except StopRequested:
            self.run.clear_requests()
            kept = self.run.prior.name if self.run.prior.exists() else None
            self.tell(events.Stopped(round=self.round, prior=kept))

    def _go(self, images: int, crops: int) -> None:
        state, damaged = load_latest(self.run.checkpoints)
        for name in damaged:
            self.tell(events.Notice(text=f"The checkpoint {name} is damaged; the one before it is used."))
        first = 0
        if state is not None:
            first = int(state["round"]) + 1
            self.scores = [float(s) for s in state["scores"]]
            self.rounds.restore(state["rounds"])
        parameters = parameter_count(self.rounds.prior) if self.rounds.trainer else 0
        self.tell(
            events.Started(
                rounds=self.recipe.rounds,
                device=str(self.rounds.device),
                images=images,
                crops=crops,
                parameters=parameters,
                resumed_from_round=first - 1 if first else None,
            )
        )
        for number in range(first, self.recipe.rounds + 1):
            self.round = number
            if number == 0:
                self.rounds.start()
            else:
                self.rounds.round(number)
            self._finish_round(number)
        self.tell(events.Finished(round=self.round, prior=self.run.prior.name))

    def _finish_round(self, number: int) -> None:
        result = judge(
            self.rounds.prior,
            self.imaging,
            self.judged,
            seeded(self.recipe.seed, 99),
            steps=self.recipe.sampler_steps,
        )
        best = not self.scores or result.held_out > max(self.scores)
        self.scores.append(result.held_out)
        self._tick("score", 1, 1, None)
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
        write_preview(preview, result)
        self.tell(events.Preview(round=number, file=f"previews/{preview.name}"))
        if best:
            write_prior(self.run.prior, self.rounds.prior, self._card())
        state = {"round": number, "scores": self.scores, "rounds": self.rounds.state()}
        saved = save_checkpoint(self.run.checkpoints, number, state)
        self.tell(events.Saved(round=number, file=f"checkpoints/{saved.name}"))

    def _card(self) -> Card:
        prior = self.rounds.prior
        names = tuple(Path(s).name for s in self.recipe.stacks)
        training = Training(
            images=names, crops=len(self.rounds.crops), rounds=self.round, held_out=tuple(self.scores)
        )
        return Card(
            size=prior.size,
            channels=prior.channels,
            sigma_data=prior.sigma_data,
            mean=prior.mean,
            scale=self.scale,
            pixel_size_um=self.pixel_size,
            model=self.recipe.model,
            training=training,
        )

    def _open(self) -> list[Stack]:
        recipe = self.recipe
        return [
            open_stack(Path(name), axes=recipe.axes, pixel_size=recipe.pixel_size_um, channel=recipe.channel)
            for name in recipe.stacks
        ]

    def _bind(self, stack: Stack, side: int) -> Imaging:
        return self.recipe.model.bind(
            (side, side), pixel_size=stack.pixel_size, scale=self.scale, device=device_for(self.recipe.device)
        )

    def _tick(self, phase: str, step: int, steps: int, loss: float | None) -> None:
        self.clock.tick(phase)
        if step < steps and self.clock._last - self._told < TICK_S:
            return
        self._told = self.clock._last
        self.tell(
            events.Progress(
                round=self.round,
                phase=phase,  # type: ignore[arg-type]
                step=step,
                steps=steps,
                loss=loss,
                remaining_s=self.clock.remaining_s(),
            )
        )

    def _paused(self, paused: bool) -> None:
        self.tell(events.Paused() if paused else events.Resumed())
        self.clock.wait()
