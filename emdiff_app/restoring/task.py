"""A restoration made ready: everything is opened, checked and decided, and nothing is computed yet."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emdiff_app import __version__
from emdiff_app.diffusion import Prior
from emdiff_app.diffusion.device import device_for
from emdiff_app.errors import PriorError
from emdiff_app.images import IntensityScale, PlaneReader, Stack
from emdiff_app.physics import ImagingModel
from emdiff_app.physics.checking import Agreement
from emdiff_app.posterior import Report
from emdiff_app.priors import read_prior

from .alike import alike
from .engine import Engine, Settings
from .intensities import scales_for

__all__ = ["KnownPrior", "Task", "known_prior", "prepare", "sentences_of"]


@dataclass(frozen=True)
class KnownPrior:
    """A prior with the scale and the imaging model that it was learned with, and where it comes from."""

    prior: Prior
    scale: IntensityScale
    model: ImagingModel | None
    name: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class Task:
    """One stack about to be restored; `facts` go into the provenance of what comes of it."""

    stack: Stack
    engine: Engine
    facts: Mapping[str, Any]
    said: tuple[str, ...]

    def result_stack(self, reader: PlaneReader, word: str) -> Stack:
        """A stack of the result with every word of the input."""
        return alike(self.stack, reader, word, self.engine.optics, self.engine.axes)


def known_prior(prior: "str | Path | Prior | KnownPrior", device: str = "auto") -> KnownPrior:
    """A prior from its file, or one in memory, whose images are taken as they are."""
    if isinstance(prior, KnownPrior):
        return prior
    if isinstance(prior, Prior):
        return KnownPrior(prior.to(device_for(device)), IntensityScale(offset=0.0, gain=1.0), None)
    learned, card = read_prior(Path(prior))
    return KnownPrior(
        learned.to(device_for(device)).eval(),
        card.scale,
        card.model,
        Path(prior).name,
        card.sha256.get("model.safetensors", ""),
    )


def prepare(
    stack: Stack,
    prior: KnownPrior,
    model: ImagingModel | None,
    settings: Settings,
    *,
    intensities: str = "prior",
    device: str = "auto",
) -> Task:
    """Decide everything about a restoration; what cannot work is refused here, before an hour of work."""
    chosen = model or prior.model
    if chosen is None:
        raise PriorError(
            "This prior does not say how its images were recorded, and no imaging model was given; nothing was "
            "restored. Give the imaging model."
        )
    scale, noise_scale, said = scales_for(stack, prior.scale, prior.model or chosen, model, intensities)
    where = device_for(device)
    engine = Engine(stack, prior.prior.to(where), chosen, scale, noise_scale, settings, where)
    facts = {
        "program": f"EMDiff {__version__}",
        "source": stack.source.name if stack.source is not None else stack.name,
        "prior": prior.name,
        "prior_sha256": prior.sha256,
        "imaging_model": chosen.model_dump(mode="json", exclude_none=True),
        "imaging_model_from": "the prior" if model is None else "the user",
        "intensity_scale": scale.model_dump(),
        "results": list(engine.names),
        "method": engine.method,
        "steps": engine.steps,
        "samples": engine.samples,
        "turns": settings.turns,
        "seed": settings.seed,
        "versions": {
            "emdiff": __version__,
            "torch": str(torch.__version__),
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }
    if any(engine.optics.place):
        facts["first_pixel_at"] = dict(zip(engine.axes, engine.optics.place, strict=True))
    return Task(stack, engine, facts, (said,) if said else ())


def sentences_of(task: Task, fits: list[Agreement], unstable: int) -> tuple[str, ...]:
    """What the user should know of a finished restoration, the verdict first."""
    shaken = Report()
    shaken.rescued.update(range(unstable))
    verdict = (Agreement.of_all(fits).verdict,) if fits else ()
    return tuple(s for s in (*verdict, shaken.sentence, *task.said, *task.engine.notes) if s)
