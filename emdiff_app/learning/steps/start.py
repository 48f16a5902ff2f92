"""Round 0: what is known of clean images before any was restored.

Nothing but the recorded images: a stationary Gaussian fitted by EM, or, for a camera's noise without blur, pixels
predicted from their neighbours. Or some clean images, of this kind or of another. Or somebody's prior.
"""

import contextlib
from pathlib import Path

import torch
from torch import Tensor

from emdiff_app.diffusion import Batch, GaussianPrior, LearnedPrior, Trainer
from emdiff_app.diffusion.batch import recorded_variance
from emdiff_app.diffusion.gaussian_em import fit_gaussian
from emdiff_app.diffusion.one_look import one_look
from emdiff_app.diffusion.one_pass import one_pass
from emdiff_app.errors import RunError, StackError
from emdiff_app.images import IntensityScale, Stack
from emdiff_app.learning.crops.crop_set import CropSet
from emdiff_app.learning.crops.opening import open_clean
from emdiff_app.learning.crops.places import draw_places
from emdiff_app.learning.work import E_BATCH, Work, seeded
from emdiff_app.physics import Imaging
from emdiff_app.physics.random import white
from emdiff_app.priors import read_prior

from .anchoring import Anchor, anchor_for
from .denoised import untrained
from .e_step import Data, Draw
from .extrapolating import extrapolated
from .unlearnable import is_directional

__all__ = [
    "anchor_of",
    "as_recorded",
    "clean_images",
    "first_denoiser",
    "first_draw",
    "first_prior",
    "from_pixels",
    "moments",
    "network_of",
    "seen_at_once",
    "start_of",
    "trainer_for",
]

ENOUGH = 256
"""So many crops decide about the Gaussian."""
WARM_UP = 15
"""Steps until the learning rate is reached: rounds are short."""


def anchor_of(work: Work) -> Anchor:
    return anchor_for(work.recipe.anchor, work.imaging)


def start_of(work: Work) -> str:
    """`prior`, `clean`, `hidden-pixels`, `one-look`, `denoised` or `gaussian`."""
    recipe = work.recipe
    if recipe.prior:
        return "prior"
    if recipe.clean or recipe.similar:
        return "clean"
    if recipe.start != "auto":
        return recipe.start
    if (start := anchor_of(work).start) is not None:
        return start
    return "gaussian" if work.imaging.operator.sharp else "denoised"


def first_draw(work: Work, data: Data) -> Draw:
    """What draws the samples of round 0: the Gaussian, from the recorded images or from denoised ones."""
    gaussian = _gaussian(work, data)

    def draw(y: Tensor, first: int, generator: torch.Generator) -> Tensor:
        return gaussian.draw_posterior(*data(y, first), generator)

    return draw


def from_pixels(work: Work, prior: LearnedPrior, begins_with: str) -> Draw:
    """Each pixel from what the network says of it, as if its neighbours' errors were their own."""

    def draw(y: Tensor, first: int, generator: torch.Generator) -> Tensor:
        mean, variance = seen_at_once(prior, work.imaging_of(first, y), y, begins_with, generator, ways=1)
        return mean + variance.sqrt() * white(mean, generator)

    return draw


def seen_at_once(
    prior: LearnedPrior,
    imaging: Imaging,
    y: Tensor,
    begins_with: str,
    generator: torch.Generator,
    *,
    ways: int,
) -> tuple[Tensor, Tensor]:
    """Mean and variance without samples, as such a start has taught it."""
    batch = Batch.of(imaging, y)
    if begins_with == "one-look":
        return one_look(prior, batch, generator)
    return one_pass(prior, batch, ways=ways)


def as_recorded(work: Work) -> Data:
    """The recorded crops as they are."""
    return lambda y, first: (work.imaging_of(first, y), y)


def first_denoiser(work: Work) -> LearnedPrior:
    """The network that a start from denoised images trains first."""
    return untrained(work, *moments(work))


def first_prior(work: Work, samples: Tensor | None) -> LearnedPrior:
    """The network before its first step; the same for the same seed."""
    recipe, anchor = work.recipe, anchor_of(work)
    channels = work.judged.shape[1]
    if recipe.prior:
        found, _ = read_prior(Path(recipe.prior))
        if found.channels != channels:
            raise RunError(
                f"The prior to start from has learned images of {found.channels} channel(s) and these have {channels}; "
                "nothing was started. Choose one channel, or another prior."
            )
        if anchor.name == "hidden-pixels" and not found.variance:
            raise RunError(
                "The prior to start from cannot say how sure it is, which learning from hidden pixels needs; nothing "
                "was started. Leave the anchor to the program (auto), or use another prior."
            )
        found.takes_maps = found.takes_maps or anchor.maps
        return found.requires_grad_(True)
    mean, deviation = moments(work) if samples is None else (float(samples.mean()), float(samples.std()))
    torch.manual_seed(recipe.seed)
    prior = LearnedPrior(recipe.size, channels, deviation, mean, variance=anchor.variance)
    prior.takes_maps = anchor.maps
    return prior


def network_of(work: Work) -> LearnedPrior:
    """One of the size that this run will train."""
    if work.recipe.prior:
        return read_prior(Path(work.recipe.prior))[0]
    return LearnedPrior(work.recipe.size, work.judged.shape[1], 1.0)


def trainer_for(work: Work, prior: LearnedPrior) -> Trainer:
    recipe = work.recipe
    turns = recipe.turns == "yes" or (recipe.turns == "auto" and not is_directional(work.optics))
    return Trainer(
        prior.to(work.device, memory_format=torch.channels_last),
        learning_rate=recipe.learning_rate,
        warm_up=WARM_UP,
        memory=recipe.memory,
        turns=turns,
        precision=recipe.precision,
        share=work.team.add_up if work.team.size > 1 else None,
    )


def clean_images(work: Work, round: int) -> Tensor | None:
    """Crops of the clean images that this round may learn from; those of another kind only at the start."""
    recipe = work.recipe
    crops = _cut(work, recipe.clean, own_scale=False)
    if round == 0:
        crops += _cut(work, recipe.similar, own_scale=True)
    return torch.stack(crops) if crops else None


def _cut(work: Work, names: tuple[str, ...], *, own_scale: bool) -> list[Tensor]:
    """Random squares, as many as there are recorded crops at most; images of another kind each have their own scale."""
    if not names:
        return []
    recipe = work.recipe
    stacks = [open_clean(recipe, name) for name in names]
    _, places = draw_places(stacks, recipe.crop, 0, recipe.crops, recipe.seed)
    if not own_scale:
        return list(CropSet(stacks, places, recipe.crop, work.crops.scale).batch(0, len(places)))
    scales = {number: _own_scale(stacks[number], recipe.seed) for number in {place.stack for place in places}}
    each = [CropSet(stacks, [place], recipe.crop, scales[place.stack]) for place in places]
    return [crop for one in each for crop in one.batch(0, 1)]


def _own_scale(stack: Stack, seed: int) -> IntensityScale:
    for percentile in (99.5, 100.0):  # a few bright pixels may be all there is
        with contextlib.suppress(StackError):
            return IntensityScale.fit([stack], percentile=percentile, seed=seed)
    raise RunError(
        f"{stack.name} is constant, so there is nothing to learn from it; nothing was started. Leave it out."
    )


def moments(work: Work) -> tuple[float, float]:
    """Mean and standard deviation of clean pixels: of the recorded ones, less the noise."""
    models, few = _some(work, as_recorded(work))
    pixels = torch.cat([y[imaging.seen(y)] for imaging, y in zip(models, few, strict=True)])
    variance = float(pixels.var())
    return float(pixels.mean()), max(variance - _noise(models, few), 0.01 * variance) ** 0.5


def _some(work: Work, data: Data) -> tuple[list[Imaging], list[Tensor]]:
    """Enough crops to fit a Gaussian to, and their imaging models."""
    starts = range(0, min(len(work.crops), ENOUGH), E_BATCH)
    pairs = [data(work.recorded(i, i + E_BATCH), i) for i in starts]
    return [imaging for imaging, _ in pairs], [y for _, y in pairs]


def _gaussian(work: Work, data: Data) -> GaussianPrior:
    """Fitted once; the members of a team, and a later process, read it."""
    path = work.samples.folder / "gaussian.safetensors"
    if (known := work.samples.read(path)) is None:
        found = _fitted(work, data)
        known = {"spectrum": found.spectrum.cpu(), "mean": found.mean.cpu()}
        if work.team.leads:
            work.samples.write(path, known)
    work.team.barrier()
    return GaussianPrior(*(known[name].to(work.device) for name in ("spectrum", "mean")))


def _fitted(work: Work, data: Data) -> GaussianPrior:
    rounds = work.recipe.gaussian_rounds
    models, few = _some(work, data)

    def tick(number: int) -> None:
        work.control.check()
        work.tick("start", number + 1, rounds, None)

    found = fit_gaussian(models, few, seeded(work.recipe.seed, 0), rounds=rounds, on_round=tick)
    return extrapolated(found, work.optics, _noise(models, few))


def _noise(models: list[Imaging], recorded: list[Tensor]) -> float:
    """The mean variance of the noise."""
    each = []
    for imaging, y in zip(models, recorded, strict=True):
        seen = imaging.seen(y)
        each.append(float(recorded_variance(imaging.noise, y, seen)[seen].mean()))
    return sum(each) / len(each)
