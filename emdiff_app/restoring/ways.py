"""Which way images are restored: by one look, in one pass, or by samples; by which method and in how many steps."""

from dataclasses import dataclass

from torch import Tensor

from emdiff_app import posterior
from emdiff_app.diffusion import Batch, Prior
from emdiff_app.diffusion.one_pass import one_pass
from emdiff_app.physics import Imaging
from emdiff_app.posterior import auto, from_noise
from emdiff_app.posterior.look import TURNS, look

from .words import drawn

__all__ = ["ONE_PASS", "PASS_WAYS", "Settings", "Way", "at_once", "way_for"]

ONE_PASS = "one-pass"
"""What the card of a prior says whose learner found the one-pass estimate the better one."""
HIDDEN = 16
"""Evaluations of one pass: so many grids of hidden pixels."""
PASS_WAYS = 2
"""The image as it is and flipped; all eight ways with `turns`."""


@dataclass(frozen=True)
class Settings:
    """How to restore. `samples` None: the clean estimate, in the quickest right way. `memory` is in bytes."""

    words: tuple[str, ...] = ("mean", "spread")
    samples: int | None = None
    sampler: str = "auto"
    steps: int | None = None
    seed: int = 0
    turns: bool = False
    memory: float | None = None
    tile: int | None = None


@dataclass(frozen=True)
class Way:
    """`samples` are drawn by `method` in `steps`; none where one look or one pass gives the mean and its spread.

    `one_pass`: the mean is that of one pass, whatever is drawn beside it. A calibration of the spread holds for
    `calibrated_as` and `steps`.
    """

    method: str
    reason: str
    samples: int
    steps: int
    one_pass: bool
    calibrated_as: str


def way_for(
    settings: Settings, imaging: Imaging, prior: Prior, best: str = "samples", *, holes: bool = False
) -> Way:
    """The way for such images; with `holes`, for those of them that have pixels that are not numbers.

    `best` is what the card of the prior says: the mean of samples, or one pass.
    """
    automatic = settings.sampler == "auto"
    passes = automatic and settings.samples is None and best == ONE_PASS and _one_pass_fits(imaging, prior)
    looks = automatic and not passes and not holes and from_noise.fits(imaging, prior)
    samples = drawn(settings.samples, settings.words, passes or looks)
    if not samples and passes:
        return Way(
            "one pass",
            "while the prior was learned, it predicted held-out data best",
            0,
            HIDDEN * (len(TURNS) if settings.turns else PASS_WAYS),
            True,
            "one pass",
        )
    if not samples:
        steps = 1 + imaging.noise.depends_on_light + (len(TURNS) - 1) * settings.turns
        reason = "only noise was added, so the denoiser's answer to the image is the clean estimate"
        return Way("one look", reason, 0, steps, False, "one look")
    if not automatic:
        method, reason, enough = settings.sampler, "it was asked for", posterior.get(settings.sampler).steps
    elif holes:
        method, reason = "spectral", "some pixels are missing"
        enough = posterior.get("auto").steps
    else:
        method, reason = auto.choose(imaging, prior)
        enough = auto.steps_for(imaging, prior)
    kept_as = "one pass and samples" if passes else settings.sampler
    return Way(method, reason, samples, settings.steps or enough, passes, kept_as)


def at_once(prior: Prior, way: Way, imaging: Imaging, y: Tensor) -> tuple[Tensor, Tensor]:
    """The mean and the variance by a way that needs no samples."""
    if way.one_pass:
        return one_pass(prior, Batch.of(imaging, y), ways=PASS_WAYS)
    return look(prior, imaging, y)


def _one_pass_fits(imaging: Imaging, prior: Prior) -> bool:
    """One pass is for sharp images, by a network that says how sure it is of each pixel."""
    sure = bool(getattr(getattr(prior, "inner", prior), "variance", False))
    return sure and imaging.operator.sharp
