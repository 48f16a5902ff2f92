"""What a round of learning costs, and what the published algorithm costs on the same data with the same network.

`emdiff bench learn-cost [DATA]`.
"""

from __future__ import annotations

from typing import Any

from emdiff_app.learning import PRESETS

from ._data import data_folder
from ._learning_runs import Learned, learned
from ._network_meter import metered
from ._nuclei import Recordings, nuclei
from ._recipes import DEBLUR
from ._report import Report
from ._words import Words

__all__ = ["run"]

IMAGES = 100
COMMON: dict[str, Any] = {"size": "small", "crop": 64, "crops": 320, "held_out": 16}
COMMON |= {"start": "gaussian", "first_steps": 400}
OURS: dict[str, Any] = {**DEBLUR, **COMMON, "rounds": 3, "steps": 200}
THEIRS: dict[str, Any] = {
    **PRESETS["emdiffusion"],
    **COMMON,
    "rounds": 1,
    "steps": 600,
    "scratch_rounds": 0,
}
"""One round of its phase 1: a tenth of the crops, 1000 steps of DPS each; as many optimiser steps as all of ours."""
LESS_TIME, OUTSIDE = 50.0, 0.15


def run(report: Report) -> None:
    """Both runs, timed from within."""
    words = Words(report.arguments)
    images = nuclei(data_folder(("dsb2018_nuclei",), words.rest()), "gaussian", IMAGES, unseen=False)
    runs = {
        "EMDiff": _timed("ours", images, OURS),
        "EMDiffusion as published": _timed("published", images, THEIRS),
    }
    ours, theirs = runs.values()
    report.text(
        f"Blurred, noisy nuclei ({IMAGES} images), the same network ({ours.parameters / 1e6:.2f} M parameters), the "
        f"same crops, the same start of {COMMON['first_steps']} steps; then {OURS['rounds']} rounds of ours, and one "
        "round of EMDiffusion's phase 1 (the preset `emdiffusion`: DPS with 1000 steps on a tenth of the crops). A "
        "forward-equivalent is one evaluation of the network on one crop; a gradient counts as two more. On "
        f"{ours.threads} thread(s)."
    )
    report.table(
        ["a round", "seconds", "forward-equivalents", "crops", "ms a crop", "outside the network"],
        [row for name, one in runs.items() for row in _rows(name, one)],
    )
    faster = _per_crop(theirs, THEIRS) / _per_crop(ours, OURS)
    share = 1 - _sum(ours.network) / _sum(ours.phases)
    better = ours.scores[-1] > theirs.scores[-1]
    report.table(
        ["", "measured", "target", "met"],
        [
            (
                "E-step time for a crop, EMDiffusion / ours",
                f"{faster:.0f}",
                f">= {LESS_TIME:.0f}",
                _met(faster >= LESS_TIME),
            ),
            (
                "held-out score, ours against EMDiffusion",
                f"{ours.scores[-1]:.4f} against {theirs.scores[-1]:.4f}",
                "better",
                _met(better),
            ),
            (
                "share of our E-steps and M-steps not spent in the network",
                f"{100 * share:.0f} %",
                "< 15 %",
                _met(share < OUTSIDE),
            ),
        ],
    )


def _timed(name: str, images: Recordings, fields: dict[str, Any]) -> Learned:
    with metered() as meter:
        return learned(
            f"cost-{name}",
            images.recorded[:, 0].numpy(),
            images.model,
            fields,
            minutes=None,
            meter=meter,
        )


def _rows(name: str, one: Learned) -> list[tuple[object, ...]]:
    """The E-step, the M-step and the judgement; means over the rounds after the start."""
    rounds = max(len(one.scores) - 1, 1)
    words = {"e-step": "E-step", "m-step": "M-step", "score": "judging"}
    rows: list[tuple[object, ...]] = []
    for phase, word in words.items():
        seconds, passes = one.phases.get(phase, 0.0) / rounds, one.passes.get(phase, 0.0) / rounds
        crops = _drawn(name, one) if phase == "e-step" else 0.0
        outside = 1 - one.network.get(phase, 0.0) / max(one.phases.get(phase, 0.0), 1e-9)
        rows.append(
            (
                f"{name}: {word}",
                f"{seconds:.1f}",
                f"{passes:.0f}",
                f"{crops:.0f}" if crops else "",
                f"{1000 * seconds / crops:.0f}" if crops else "",
                f"{100 * outside:.0f} %",
            )
        )
    return rows


def _drawn(name: str, one: Learned) -> float:
    return one.crops * _share(OURS if name == "EMDiff" else THEIRS)


def _share(fields: dict[str, Any]) -> float:
    """The mean share of the crops that a round draws."""
    return (float(fields.get("first_share", 1.0)) + float(fields.get("last_share", 1.0))) / 2


def _per_crop(one: Learned, fields: dict[str, Any]) -> float:
    """Seconds of the E-step for a crop."""
    rounds = max(len(one.scores) - 1, 1)
    return one.phases["e-step"] / rounds / (one.crops * _share(fields))


def _sum(book: dict[str, float]) -> float:
    """Over the E-steps and M-steps of the rounds after the start."""
    return book["e-step"] + book["m-step"]


def _met(met: bool) -> str:
    return "yes" if met else "NO"
