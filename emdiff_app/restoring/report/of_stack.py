"""The report of a check of a whole stack."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .page import Facts, Picture, write_report

if TYPE_CHECKING:
    from emdiff_app.restoring.trust import Examined

__all__ = ["report_of", "stack_pictures"]


def report_of(
    path: Path,
    examined: Examined,
    *,
    title: str,
    command: str = "",
    recipe: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the page about one stack; `recipe` adds to what the check itself knows."""
    found = examined.assessment
    known = {
        "prior": examined.prior,
        "imaging model": examined.model.model_dump_json(exclude_none=True),
        "sampler": f"{examined.sampler}, {examined.steps} steps, {found.figures.samples} samples",
        "checked": f"{len(examined.crops)} crops, chosen half by their contrast and half at random",
    }
    return write_report(
        path,
        Facts(title, {**(recipe or {}), **known}, command),
        found.verdict,
        found.figures,
        histogram=found.histogram,
        pictures=stack_pictures(examined),
        calibration=examined.calibration,
        overwrite=overwrite,
    )


def stack_pictures(examined: Examined) -> list[Picture]:
    """The crops in grey levels."""
    found, scale = examined.assessment, examined.scale

    def array(tensor: Any) -> Any:
        return tensor.cpu().numpy().astype(np.float64)

    return [
        Picture(
            crop.name,
            scale.inverse(array(found.recorded[i])),
            scale.inverse(array(found.restored[i])),
            scale.gain * array(found.spread[i]),
            array(found.residual[i]),
            array(found.doubtful[i]),
        )
        for i, crop in enumerate(examined.crops)
    ]
