"""From a recipe to everything that learning needs: the images opened, scaled and cut, and what goes onto the card."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from emdiff_app import posterior
from emdiff_app.diffusion import LearnedPrior
from emdiff_app.diffusion.device import device_for
<<<<<<< HEAD
from emdiff_app.errors import RunError
from emdiff_app.images import IntensityScale, Stack
=======
from emdiff_app.errors import PhysicsError, RunError
from emdiff_app.images import IntensityScale, Stack, open_stack
from emdiff_app.images.units import to_um
>>>>>>> fix-c
from emdiff_app.priors import Card, Training

from .binding import Binding, noises_of
from .control import Control
from .crops import CropSet
from .opening import open_recorded
from .places import draw_places
from .recipe import FROM_PIXELS, Recipe
from .samples import Samples
from .start import anchor_of, start_of
from .team import Team
from .work import State, Work

__all__ = ["Prepared", "prepare"]

ALIKE = 0.01
"""Pixel sizes that differ by a larger share of themselves are different."""


@dataclass(frozen=True)
class Prepared:
    """The work, and what only the card must know."""

    work: Work
    stacks: list[Stack]
    scale: IntensityScale

    def card(self, prior: LearnedPrior, state: State) -> Card:
        """What is said about the prior after the present round."""
        recipe = self.work.recipe
        training = Training(
            images=tuple(Path(s).name for s in recipe.stacks),
            crops=len(self.work.crops),
            rounds=state.round,
            held_out=tuple(state.scores),
            notices=tuple(state.notes.get("notices", ())),
        )
        return Card(
            size=prior.size,
            channels=prior.channels,
            sigma_data=prior.sigma_data,
            mean=prior.mean,
            estimate=state.notes.get("estimate", "samples"),
            scale=self.scale,
            pixel_size_um={a: s.value for a, s in self.stacks[0].pixel_size.items() if s.unit == "um"},
            model=recipe.model,
            training=training,
        )


def prepare(recipe: Recipe, control: Control, team: Team, samples: Samples, **ways: Any) -> Prepared:
    """Open the images and draw the crops; `ways` are those of `Work` to the outside."""
    device = device_for(recipe.device)
<<<<<<< HEAD
    stacks = open_recorded(recipe)
=======
    stacks = _open(recipe)
    _check_colours(recipe, stacks)
>>>>>>> fix-c
    side = recipe.crop
    offset = getattr(recipe.model.noise, "offset", None)
    scale = IntensityScale.fit(stacks, offset=offset, seed=recipe.seed)
    judges, places = draw_places(stacks, side, recipe.held_out, recipe.crops, recipe.seed, tries=recipe.tries)
    if recipe.batch < team.size:
        raise RunError(
            f"{team.size} processes cannot share a batch of {recipe.batch} crops; nothing was started. "
            "Start fewer, or put a larger `batch` into the recipe."
        )
    noises = noises_of(stacks, recipe.model, recipe.noise_per_image, recipe.seed)
    binding = Binding(recipe.model, stacks, side, scale, device, noises)
    _check_pixel_sizes(binding)
    work = Work(
        recipe=recipe,
        crops=CropSet(stacks, places, side, scale, holes=binding.by_nan),
        judges=CropSet(stacks, judges, side, scale, holes=binding.by_nan),
        binding=binding,
        device=device,
        control=control,
        team=team,
        samples=samples,
        **ways,
    )
    _check_choices(work)
    return Prepared(work, stacks, scale)


def _check_choices(work: Work) -> None:
    """Each choice of a recipe is good by itself; that some do not go together is better said now than in hours."""
    name, holes = work.recipe.sampler, work.binding.masked
    posterior.get(name)
    if name == "from-noise" and not posterior.from_noise.fits(work.imaging):
        raise RunError(
            "The sampler from-noise is for images that only noise was added to; nothing was started. Choose the "
            "sampler auto."
        )
    anchor, start = anchor_of(work), start_of(work)
    if anchor.name == "sure" and holes:
        raise RunError(
            "The anchor sure needs every pixel, and the imaging model has missing ones; nothing was started. Choose "
            "the anchor auto."
        )
    taught = anchor.start or {"sure": "one-look"}.get(anchor.name)
    if start in FROM_PIXELS and start != taught:
        needs = "hidden-pixels" if start == "hidden-pixels" else "sure, or auto for white noise"
        raise RunError(
            f"The start {start} needs images without blur and the anchor {needs}; nothing was started. Choose the "
            "start auto."
        )
<<<<<<< HEAD
=======


def _open(recipe: Recipe) -> list[Stack]:
    return [
        open_stack(Path(name), axes=recipe.axes, pixel_size=recipe.pixel_size_um, channel=recipe.channel)
        for name in recipe.stacks
    ]


def _check_colours(recipe: Recipe, stacks: list[Stack]) -> None:
    """All images have one grey value a pixel, or all of them three."""
    known = [(stack.name, stack.sizes.get("S", 1)) for stack in stacks]
    for name in (*recipe.clean, *recipe.similar):
        with open_stack(Path(name), channel=recipe.channel, axes=recipe.axes) as stack:
            known.append((stack.name, stack.sizes.get("S", 1)))
    usual = Counter(count for _, count in known).most_common(1)[0][0]
    for name, count in known:
        if count != usual:
            raise RunError(
                f"{name} has {_colours(count)}, and other images have {_colours(usual)}; nothing was started. Leave "
                "that file out, or convert it."
            )


def _colours(count: int) -> str:
    return "one grey value a pixel" if count == 1 else f"{count} colours"


def _check_pixel_sizes(binding: Binding) -> None:
    """A blur in micrometres is bound once, for all images."""
    first, *rest = [[_size(stack, axis) for axis in "YX"] for stack in binding.stacks]
    odd = [n for n, sizes in enumerate(rest, 1) if not all(map(_alike, first, sizes))]
    if not odd or not _needs_pixel_size(binding):
        return
    one, other = (f"{binding.stacks[n].name} has pixels of {_said(binding.stacks[n])}" for n in (0, odd[0]))
    raise RunError(
        f"{one} and {other}, and the blur is stated in micrometres; nothing was started. Learn from images of one "
        "pixel size, or say it for all of them where a file is wrong."
    )


def _size(stack: Stack, axis: str) -> float | None:
    size = stack.pixel_size.get(axis)
    return None if size is None else to_um(size.value, size.unit)


def _said(stack: Stack) -> str:
    size = stack.pixel_size.get("X")
    return "unknown size" if size is None else str(size)


def _alike(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= ALIKE * max(one, other)


def _needs_pixel_size(binding: Binding) -> bool:
    unknown = [stack.with_(pixel_size={}) for stack in binding.stacks[:1]]
    try:
        _ = replace(binding, stacks=unknown).one
    except PhysicsError:
        return True
    return False
>>>>>>> fix-c
