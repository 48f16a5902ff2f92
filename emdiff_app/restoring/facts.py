"""Everything that decides a restoration, as it is written into its results."""

import platform
from typing import Any

import numpy as np
import torch

from emdiff_app import __version__
from emdiff_app.physics import ImagingModel

from .chosen_prior import KnownPrior
from .engine import Engine

__all__ = ["facts_of"]


def facts_of(engine: Engine, prior: KnownPrior, model: ImagingModel, *, given: bool) -> dict[str, Any]:
    """By their names; `given` says that the imaging model came from the user and not from the prior."""
    stack, way, other = engine.stack, engine.way, engine.way_with_holes
    facts: dict[str, Any] = {
        "program": f"EMDiff {__version__}",
        "source": stack.source.name if stack.source is not None else stack.name,
        "prior": prior.name,
        "prior_sha256": prior.sha256,
        "imaging_model": model.model_dump(mode="json", exclude_none=True),
        "imaging_model_from": "the user" if given else "the prior",
        "intensity_scale": engine.scale.model_dump(),
        "results": list(engine.names),
        "method": way.method,
        "steps": way.steps,
        "samples": way.samples,
        "turns": engine.settings.turns,
        "seed": engine.settings.seed,
        "versions": {
            "emdiff": __version__,
            "torch": str(torch.__version__),
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }
    if files := model.file_sums():
        facts["imaging_model_files"] = files
    if any(engine.optics.place):
        facts["first_pixel_at"] = dict(zip(engine.axes, engine.optics.place, strict=True))
    if way.one_pass and way.samples:
        facts["mean_of"] = "one pass"
    if other != way:
        facts["where_pixels_are_missing"] = {
            "method": other.method,
            "steps": other.steps,
            "samples": other.samples,
        }
    return facts
