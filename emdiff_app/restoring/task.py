"""A restoration made ready: everything is opened, checked and decided, and nothing is computed yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emdiff_app.diffusion.device import device_for
from emdiff_app.errors import PriorError
from emdiff_app.images import PlaneReader, Stack
from emdiff_app.physics import ImagingModel, NoiseSpec, noise_by_plane

from .alike import alike
from .chosen_prior import KnownPrior
from .engine import Engine
from .facts import facts_of
from .intensities import scales_for
from .optics import without_nan_masks
from .sentences import about_channels, about_memory, about_noises
from .trust.calibration import UNKNOWN, Calibration, calibration_key, kept_calibration
from .ways import Settings
from .words import NEED_SPREAD

__all__ = ["Task", "prepare"]


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
    facts = facts_of(engine, prior, chosen, given=model is not None)
    if noises is not None:
        facts["noise"] = "measured in each plane"
    sentences = [said, about_channels(stack), about_noises(noises, noise_per_image), about_memory(engine)]
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


def _calibration(engine: Engine, prior: KnownPrior, model: ImagingModel) -> Calibration | None:
    """Measured for the file of a prior, an imaging model and a way: nothing else may borrow it."""
    if not prior.sha256:
        return None
    way = engine.way
    key = calibration_key(prior.sha256, model, engine.stack.pixel_size, way.calibrated_as, way.steps)
    return kept_calibration(key)
