"""The published table: three problems, and every learner from corrupted images on each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from emdiff_app.benchmarks._common.report import Report

from .page import show
from .rows import ROWS, fits, row_of
from .scores import packed, unpacked
from .size import Size
from .tasks import task_of

__all__ = ["Asked", "published"]


@dataclass(frozen=True)
class Asked:
    """What the words of the command ask for."""

    data: Path
    size: Size
    tables: Sequence[str]
    tasks: Sequence[str]
    rows: Sequence[str] = ()
    """Only these are computed; the others are shown where they are known. None named: all."""
    again: bool = False
    weights: Path | None = None

    def wants(self, row: str) -> bool:
        return not self.rows or row in self.rows


def published(report: Report, asked: Asked) -> None:
    """One table for each problem."""
    size = asked.size
    report.text(
        "# Learning from corrupted images alone\n\nEvery learner has the same network "
        f"({size.network}), the same {size.images} corrupted images, at most {size.steps} optimiser steps of "
        f"{size.batch} crops (those by rounds: in all their rounds together, or nearly) and at most {size.minutes:g} "
        f"minutes. {size.scored} unseen images, {size.samples} samples of each: *one* is the mean over single samples, "
        f"*mean* the mean of {size.samples} (of a method that gives one estimate, that one). *Patches*: sliced "
        "Wasserstein distance of 7 x 7 patches. DPS has its published 1000 steps, and of three step sizes (the "
        "published 1 among them) the one that is best on the truth with the clean prior; EMDiffusion draws and "
        "restores with the same. *Published* is EMDiffusion's table: single samples, 50,000 photographs or faces, days "
        "of GPU time; only the order can be compared."
    )
    for name in asked.tasks:
        task = task_of(name, asked.data, size)
        rows = []
        for row in (r for r in ROWS if fits(task, r)):
            found = row_of(task, row, size, asked.weights, wanted=asked.wants(row), again=asked.again)
            rows += [found] if found else []
        shown = torch.where(torch.isfinite(task.test.recorded), task.test.recorded, 0.0)
        before = {"truth": unpacked(packed(task.test.truth)), "recorded": unpacked(packed(shown))}
        if rows:
            show(report, size.name, name, task.title, rows, before)
            _say_unmeasured(report, rows)


def _say_unmeasured(report: Report, rows: Sequence[dict[str, object]]) -> None:
    for kind in ("lpips", "fid"):
        why = rows[0]["one"][kind]  # type: ignore[index]
        if isinstance(why, str):
            report.text(f"{kind.upper()} {why}.")
