"""The rows of the published tables: learn, restore the unseen images, score; each row kept by content."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from emdiff_app import posterior
from emdiff_app.baselines.learners import LEARNERS
from emdiff_app.benchmarks._common.kept import digest, kept_or_again, program
from emdiff_app.benchmarks._learning.runs import say
from emdiff_app.diffusion import Batch
from emdiff_app.diffusion.device import device_for
from emdiff_app.posterior.look import look

from .draws import SEED, Known, draws
from .priors import dps_step, prior_of
from .scores import of_draws
from .size import Size
from .tasks import Task

__all__ = ["CEILING", "ROWS", "Row", "fits", "row_of"]

Row = dict[str, Any]
ROWS: dict[str, str] = {
    "observations": "Observations",
    "clean": LEARNERS["clean"].title,
    "clean-ours": "the same prior, our sampler",
    "noise2self": LEARNERS["noise2self"].title,
    "sure-score": LEARNERS["sure-score"].title,
    "ambient": LEARNERS["ambient"].title,
    "emdiffusion": LEARNERS["emdiffusion"].title,
    "em-mmps": LEARNERS["em-mmps"].title,
    "ours": "EMDiff (ours)",
    "ours-estimate": "EMDiff (ours), one look",
}
SAME_PRIOR = {"clean-ours": "clean", "ours-estimate": "ours"}
CEILING = ("clean", "clean-ours")
"""These know clean images, which nobody else does."""


def row_of(
    task: Task, name: str, size: Size, weights: Path | None, *, wanted: bool = True, again: bool = False
) -> Row | None:
    """The row, made or found; one that is not `wanted` is only looked up, and `again` makes it anew."""
    settings = [name, dataclasses.asdict(size), dict(task.fields), str(weights), SEED]
    arrays = [task.train.truth, task.train.recorded, task.test.truth, task.test.recorded]
    content = digest(*arrays, task.model, settings, program())
    return kept_or_again(
        "tables-row", content, lambda: _computed(task, name, size, weights), wanted=wanted, again=again
    )


def _computed(task: Task, name: str, size: Size, weights: Path | None) -> Row:
    say(f"{task.name}: {ROWS[name]}")
    if name == "observations":
        shown = torch.where(torch.isfinite(task.test.recorded), task.test.recorded, 0.0)
        words = "0 where missing" if task.test.seen is not None else ""
        return _row(task, name, shown[None], None, 0.0, words, weights)
    known = prior_of(task, SAME_PRIOR.get(name, name), size)
    options, words = {}, known.words
    if name in LEARNERS and LEARNERS[name].sampler == "dps":
        options["zeta"] = dps_step(task, size)
        words += f", a step of {options['zeta']:g}"
    began = time.monotonic()
    made = _restored(task, name, known.on(device_for("auto")), size.samples, options)
    seconds = (time.monotonic() - began) / len(made) / len(task.test.truth)
    return _row(task, name, made, known.seconds, seconds, words, weights)


def _restored(task: Task, name: str, known: Known, count: int, options: dict[str, Any]) -> Tensor:
    """Samples `(K, N, C, Y, X)`, or one estimate; `options` are of the sampler."""
    learner = LEARNERS.get(name)
    device = next(known.prior.parameters()).device
    if learner is not None and learner.estimate is not None:
        return learner.estimate(known.prior, Batch(recorded=task.test.recorded.to(device))).cpu()[None]
    if name == "ours-estimate":
        imaging = task.imaging(task.test, device, known.scale)
        y = known.scale.forward(task.test.recorded.to(device))
        return known.scale.inverse(look(known.prior, imaging, y)[0]).cpu()[None]
    if learner is not None and learner.as_taught is not None:
        level = float(torch.as_tensor(task.model.noise.parameters().read_noise))
        recorded = float(torch.isfinite(task.train.recorded).float().mean())
        known = dataclasses.replace(known, prior=learner.as_taught(known.prior, level, recorded))
    return draws(task, known, learner.sampler if learner else "auto", count, **options)


def fits(task: Task, name: str) -> bool:
    """Whether a row has a meaning for this problem: one look restores where only noise was added."""
    return name != "ours-estimate" or posterior.from_noise.fits(task.imaging(task.test))


def _row(
    task: Task,
    name: str,
    made: Tensor,
    learning: float | None,
    seconds: float,
    words: str,
    weights: Path | None,
) -> Row:
    return {
        "row": name,
        "title": ROWS[name],
        **of_draws(made, task.test.truth, weights),
        "samples": len(made),
        "learning_s": learning,
        "restoring_s": seconds,
        "words": words,
        "seed": SEED,
        "published": task.published.get(name),
    }
