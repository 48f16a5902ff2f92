"""From a recipe to everything that learning needs: the images opened, scaled and cut, and what goes onto the card."""

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from emdiff_app.diffusion import LearnedPrior
from emdiff_app.diffusion.device import device_for
from emdiff_app.errors import RunError
from emdiff_app.images import IntensityScale, Stack
from emdiff_app.priors import Card, Training, read_prior

from .crops.binding import Binding, noises_of
from .crops.crop_set import CropSet
from .crops.opening import open_recorded
from .crops.places import draw_places
from .judging.standing import behind_the_start, misfit
from .recipe import FROM_PIXELS, Recipe
from .runs.control import Control, StopRequested
from .runs.samples import Samples
from .steps.start import anchor_of, start_of
from .team import Team
from .together import check_apart, check_choices, check_clean, check_colours, check_pixel_sizes
from .work import State, Work

__all__ = ["Prepared", "prepare"]

ONE_LEVEL = (
    "This prior has learned from recorded pixels alone so far and knows no noise but theirs: its estimate can be used, "
    "its samples cannot. Resume the run for the rounds that follow."
)
EACH_ITS_NOISE = "The images have noises of their own, probably since each was stretched on its own"
BEHIND = (
    "The start of this run, which gives no samples, predicted pixels that were kept aside better than this prior does: "
    "it needs more rounds. Resume the run with more time."
)


@dataclass(frozen=True)
class Prepared:
    """The work, and what only the card must know."""

    work: Work
    stacks: list[Stack]
    scale: IntensityScale

    def card(self, prior: LearnedPrior, state: State) -> Card:
        """What is said about the prior after the present round."""
        recipe = self.work.recipe
        notices = [*state.notes.get("notices", ())]
        if state.round == 0 and start_of(self.work) in FROM_PIXELS:
            notices.append(ONE_LEVEL)
        if self.work.binding.noises:
            notices.append(
                f"{EACH_ITS_NOISE}; it was measured in each, and is not that of the imaging model."
            )
        if behind_the_start(state):
            notices.append(BEHIND)
        if words := misfit(state):
            notices.append(words)
        training = Training(
            images=tuple(Path(s).name for s in recipe.stacks),
            crops=len(self.work.crops),
            rounds=state.round,
            held_out=tuple(state.scores),
            notices=tuple(notices),
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


def prepare(
    recipe: Recipe, control: Control, team: Team, samples: Samples, *, begun: bool = False, **ways: Any
) -> Prepared:
    """Open the images and draw the crops; `ways` are those of `Work` to the outside.

    Of a run that has `begun`, what its start was refused for is not asked again.
    """
    device = device_for(recipe.device)
    stacks = open_recorded(recipe)
    if not begun:
        check_apart(recipe)
    check_colours(recipe, stacks)
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
    check_pixel_sizes(binding)
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
    if noises:
        work.notice(
            f"{EACH_ITS_NOISE}: it was measured in each of the {len(noises)}, and that of the imaging model is not "
            "used; `noise_per_image` (no) in the recipe takes the model's."
        )
    if not begun:
        with contextlib.suppress(StopRequested):  # it will be asked again, and can be kept then
            for crops in (work.judges, work.crops):
                crops.see_to_numbers(team.mine(len(crops)), control.check)
    work = _as_the_prior_can(work)
    check_choices(work)
    if not begun:
        check_clean(work)
    return Prepared(work, stacks, scale)


def _as_the_prior_can(work: Work) -> Work:
    """A prior to start from that cannot say how sure it is learns from samples alone, if that is left open."""
    recipe = work.recipe
    if not recipe.prior or recipe.anchor != "auto" or not anchor_of(work).variance:
        return work
    if read_prior(Path(recipe.prior))[0].variance:
        return work
    work.notice(
        f"{Path(recipe.prior).name} cannot say how sure it is of a pixel, as learning from hidden pixels asks, so it "
        "goes on from samples alone."
    )
    return replace(work, recipe=recipe.model_copy(update={"anchor": "none"}))
