"""What a learner makes of a problem's images: a prior and how long it took, kept so that nothing is learned twice."""

from __future__ import annotations

import time
from typing import Any

import torch

from emdiff_app.baselines.learners import LEARNERS, Learner, Training
from emdiff_app.benchmarks._common.kept import bench_folder, digest, kept, program
from emdiff_app.benchmarks._learning.runs import learned, say
from emdiff_app.diffusion import LearnedPrior
from emdiff_app.diffusion.device import device_for
from emdiff_app.images import IntensityScale
from emdiff_app.priors import Card, read_prior, write_prior

from .draws import Known, best_step
from .size import OURS, Size
from .tasks import Task

__all__ = ["dps_step", "prior_by_rounds", "prior_of"]

UNSCALED = IntensityScale(offset=0.0, gain=1.0)
PAUSE = 20.0
"""Seconds between two lines on how far a training is."""


def prior_of(task: Task, name: str, size: Size) -> Known:
    """What the learner of this name learns; `ours` is the preset that users get."""
    if name == "ours":
        own = size.own.get(f"ours, {task.name}", {})
        return prior_by_rounds(task, "ours", size.recipe("ours", OURS) | own, size)
    learner = LEARNERS[name]
    if learner.recipe is not None:
        recipe = size.recipe(name, dict(learner.recipe))
        if learner.sampler == "dps":
            recipe["step_size"] = dps_step(task, size)
        return prior_by_rounds(task, name, recipe, size)
    return _by_steps(task, learner, size)


def dps_step(task: Task, size: Size) -> float:
    """How far DPS follows the data in all rows of a problem: what suits its clean prior best."""
    return best_step(task, prior_of(task, LEARNERS["clean"].name, size))


def prior_by_rounds(task: Task, name: str, recipe: dict[str, Any], size: Size) -> Known:
    """A run of our learner with this recipe."""
    images, axes = task.stack
    fields = {**recipe, **task.fields, "crops": min(recipe["crops"], len(images))}
    run = learned(f"tables-{task.name}-{name}", images, task.model, fields, minutes=size.minutes, axes=axes)
    prior, card = read_prior(run.prior)
    return Known(prior, card.scale, run.seconds, f"{len(run.scores) - 1} rounds, {run.ended}")


def _by_steps(task: Task, learner: Learner, size: Size) -> Known:
    batch = task.batch
    told = [batch.clean] if learner.needs == ("clean images",) else [batch.recorded]
    settings = [learner.name, size.network, size.steps, size.batch, size.learning_rate, size.minutes]
    settings.append(torch.get_num_threads())
    model = {} if learner.needs == ("clean images",) else task.model.model_dump(mode="json")
    content = digest(*told, model, settings, program("diffusion", "baselines"))
    path = bench_folder() / "runs" / f"tables-{learner.name}-{content}.emprior"

    def compute() -> dict[str, Any]:
        began = time.monotonic()
        prior = _trained(task, learner, size)
        seconds = time.monotonic() - began
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        write_prior(path, prior, _card(prior, task, learner))
        return {"seconds": seconds}

    if not path.is_file():  # the note without the file is no use
        (bench_folder() / f"tables-learned-{content}.json").unlink(missing_ok=True)
    seconds = float(kept("tables-learned", content, compute)["seconds"])
    return Known(read_prior(path)[0], UNSCALED, seconds, f"at most {size.steps} steps")


def _trained(task: Task, learner: Learner, size: Size) -> LearnedPrior:
    assert learner.learn is not None
    said = time.monotonic()

    def tell(done: float) -> None:
        nonlocal said
        if time.monotonic() - said > PAUSE:
            said = time.monotonic()
            say(f"{task.name}, {learner.title}: {100 * done:.0f} % learned")

    how = Training(
        size=size.network,
        steps=size.steps,
        batch=size.batch,
        learning_rate=size.learning_rate,
        minutes=size.minutes,
        device=str(device_for("auto")),
        on_step=tell,
    )
    return learner.learn(task.batch, how).to("cpu")


def _card(prior: LearnedPrior, task: Task, learner: Learner) -> Card:
    return Card(
        size=prior.size,
        channels=prior.channels,
        sigma_data=prior.sigma_data,
        mean=prior.mean,
        takes_maps=prior.takes_maps,
        scale=UNSCALED,
        model=task.model,
        name=f"{learner.title}, for benchmarks",
    )
