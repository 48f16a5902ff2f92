"""A restoration made ready: everything is opened, checked and decided, and nothing is computed yet."""

import math
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
from emdiff_app.physics import ImagingModel, NoiseSpec, noise_by_plane
from emdiff_app.physics.checking import Agreement
from emdiff_app.posterior import Report
from emdiff_app.priors import read_prior

from .alike import alike
from .engine import Engine
from .intensities import scales_for
from .optics import without_nan_masks
from .trust.calibration import UNKNOWN, Calibration, calibration_key, kept_calibration
from .ways import Settings
from .words import NEED_SPREAD

__all__ = ["KnownPrior", "Task", "known_prior", "prepare", "sentences_of"]


@dataclass(frozen=True)
class KnownPrior:
    """A prior with the scale and the imaging model that it was learned with, and where it comes from.

    `estimate` is what restores best, as its card says: the mean of samples, or one-pass.
    """

    prior: Prior
    scale: IntensityScale
    model: ImagingModel | None
    name: str = ""
    sha256: str = ""
    estimate: str = "samples"


@dataclass(frozen=True)
class Task:
    """One stack about to be restored; `facts` go into the provenance of what comes of it.

    `given` is the imaging model that was asked for, where it is not the prior's; `calibration` that of the spread,
    where it was measured for this way of restoring.
    """

    stack: Stack
    engine: Engine
    facts: Mapping[str, Any]
    said: tuple[str, ...]
    prior: KnownPrior
    given: ImagingModel | None
    intensities: str
    calibration: Calibration | None

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
        card.estimate,
    )


def prepare(
    stack: Stack,
    prior: KnownPrior,
    model: ImagingModel | None,
    settings: Settings,
    *,
    intensities: str = "prior",
    noise_per_image: str = "auto",
    device: str = "auto",
) -> Task:
    """Decide everything about a restoration; what cannot work is refused here, before an hour of work.

    `noise_per_image` (yes, no, auto) measures the noise of every plane: auto where no model was given, the prior's own
    knows nothing but a camera's noise, and the planes look as if each had been stretched on its own.
    """
    chosen = model or prior.model
    if chosen is None:
        raise PriorError(
            "This prior does not say how its images were recorded, and no imaging model was given; nothing was "
            "restored. Give the imaging model."
        )
    scale, noise_scale, said = scales_for(stack, prior.scale, prior.model or chosen, model, intensities)
    where = device_for(device)
    noises = _noises(stack, chosen, model, noise_per_image)
    engine = Engine(
        stack,
        prior.prior.to(where),
        without_nan_masks(chosen),
        scale,
        noise_scale,
        settings,
        where,
        best=prior.estimate,
        noises=noises,
    )
    usual = noises is None and intensities == "prior" and without_nan_masks(chosen) is chosen
    calibration = _calibration(engine, prior, chosen) if usual else None
    facts = {
        "program": f"EMDiff {__version__}",
        "source": stack.source.name if stack.source is not None else stack.name,
        "prior": prior.name,
        "prior_sha256": prior.sha256,
        "imaging_model": chosen.model_dump(mode="json", exclude_none=True),
        "imaging_model_from": "the prior" if model is None else "the user",
        "intensity_scale": scale.model_dump(),
        "results": list(engine.names),
        "method": engine.way.method,
        "steps": engine.way.steps,
        "samples": engine.way.samples,
        "turns": settings.turns,
        "seed": settings.seed,
        "versions": {
            "emdiff": __version__,
            "torch": str(torch.__version__),
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }
    if files := chosen.file_sums():
        facts["imaging_model_files"] = files
    if any(engine.optics.place):
        facts["first_pixel_at"] = dict(zip(engine.axes, engine.optics.place, strict=True))
    if engine.way.one_pass and engine.way.samples:
        facts["mean_of"] = "one pass"
    if noises is not None:
        facts["noise"] = "measured in each plane"
    if engine.way_with_holes != engine.way:
        other = engine.way_with_holes
        facts["where_pixels_are_missing"] = {
            "method": other.method,
            "steps": other.steps,
            "samples": other.samples,
        }
    notices = (_about_channels(stack), _about_noises(noises, noise_per_image), _about_memory(engine))
    sentences = [said, *notices]
    if NEED_SPREAD & set(engine.names):
        facts["spread"] = calibration.label if calibration else "uncalibrated"
        sentences.append(calibration.sentence if calibration else UNKNOWN)
        if calibration is not None and calibration.passed:
            engine.widened = calibration.factor
            facts["spread_multiplied_by"] = round(calibration.factor, 4)
            sentences.append("The spread that was written is multiplied by that factor.")
    told = tuple(sentence for sentence in sentences if sentence)
    return Task(stack, engine, facts, told, prior, model, intensities, calibration)


def _noises(
    stack: Stack, chosen: ImagingModel, given: ImagingModel | None, answer: str
) -> dict[tuple[int, ...], NoiseSpec] | None:
    if answer not in ("auto", "yes", "no"):
        raise PriorError(
            f"The noise is measured per image, not ({answer!r}) or automatically: say yes, no or auto; nothing was "
            "restored."
        )
    if answer == "auto" and given is not None:
        return None
    return noise_by_plane(stack, chosen, answer)


def _about_channels(stack: Stack) -> str:
    count = stack.sizes.get("C", 1)
    if count == 1:
        return ""
    names = f" ({', '.join(stack.channels)})" if stack.channels else ""
    return (
        f"All {count} channels{names} were restored with the one prior, which knows one kind of image: use the result "
        "of the channel that it was learned from."
    )


def _about_noises(noises: Mapping[tuple[int, ...], NoiseSpec] | None, answer: str) -> str:
    if noises is None:
        return ""
    why = "as you asked" if answer == "yes" else "since each seems to have been stretched on its own"
    return f"The noise was measured in each of the {len(noises)} images, {why}."


def _about_memory(engine: Engine) -> str:
    """Blocks keep to a limit, but the results of a plane wait together until it is whole."""
    limit = engine.settings.memory
    plane = 4 * math.prod(engine.shape[len(engine.stack.outer_axes) :]) * len(engine.names)
    if limit is None or plane <= limit:
        return ""
    return (
        f"The {len(engine.names)} results of one plane take {plane / 2**30:.2g} GB together, more than the "
        f"{limit / 2**30:.2g} GB that were allowed; write fewer results to keep within that."
    )


def _calibration(engine: Engine, prior: KnownPrior, model: ImagingModel) -> Calibration | None:
    """Measured for the file of a prior, an imaging model and a way: nothing else may borrow it."""
    if not prior.sha256:
        return None
    way = engine.way
    key = calibration_key(prior.sha256, model, engine.stack.pixel_size, way.calibrated_as, way.steps)
    return kept_calibration(key)


def sentences_of(task: Task, fits: list[Agreement], unstable: int, missing: int) -> tuple[str, ...]:
    """What the user should know of a finished restoration: how it fits the data first."""
    shaken = Report()
    shaken.rescued.update(range(unstable))
    fit = Agreement.of_all(fits).verdict if fits else ""
    return tuple(s for s in (fit, shaken.sentence, _filled(missing), *task.said, *task.engine.notes) if s)


def _filled(missing: int) -> str:
    if not missing:
        return ""
    if missing == 1:
        return (
            "1 recorded pixel was no number (NaN): it was taken as missing, and the prior has filled it in."
        )
    return (
        f"{missing} recorded pixels were no numbers (NaN): they were taken as missing, and the prior has filled "
        "them in."
    )
