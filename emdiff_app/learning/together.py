"""What does not go together: choices and images that are good by themselves, refused at once rather than in hours."""

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from emdiff_app import posterior
from emdiff_app.errors import PhysicsError, RunError
from emdiff_app.images import Stack
from emdiff_app.images.units import to_um

from .crops.binding import Binding
from .crops.opening import files_of, open_clean
from .recipe import FROM_PIXELS, Recipe
from .steps.start import anchor_of, clean_images, moments, start_of
from .work import Work

__all__ = ["check_apart", "check_choices", "check_clean", "check_colours", "check_pixel_sizes"]

ALIKE = 0.01
"""Pixel sizes that differ by a larger share of themselves are different."""
OTHER_SIZE = 0.1
"""The same for clean images, which no optics are computed for."""
SHIFTED = 3.0
"""Clean images whose mean is off by so many times the contrast have another offset."""
BRIGHTER, OTHER_UNITS = 3.0, 20.0
"""So many times as bright, and in contrast, as the recorded images, or so many times less: told, and refused."""


def check_choices(work: Work) -> None:
    """The sampler, the anchor and the start fit the imaging model and each other."""
    name, holes = work.recipe.sampler, work.binding.masked
    posterior.get(name)
    if name == "from-noise" and not posterior.from_noise.fits(work.imaging):
        raise RunError(
            "The sampler from-noise is for images that only noise was added to; nothing was started. Choose the "
            "sampler auto."
        )
    anchor, start = anchor_of(work), start_of(work)
    if work.recipe.anchor not in ("auto", "none") and not work.imaging.operator.sharp:
        raise RunError(
            f"The anchor {work.recipe.anchor} needs images whose pixels are those of the clean one, and the imaging "
            "model has a blur or fewer pixels; nothing was started. Choose the anchor auto."
        )
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


def check_apart(recipe: Recipe) -> None:
    """A recorded image is not clean, and what judges the prior may be a part of it."""
    recorded = {file for name in recipe.stacks for file in files_of(Path(name))}
    for name in (*recipe.clean, *recipe.similar):
        if recorded.intersection(files_of(Path(name))):
            raise RunError(
                f"{Path(name).name} is named as clean and is one of the images to learn from; nothing was started. "
                "Name only clean images behind --start."
            )


def check_colours(recipe: Recipe, stacks: list[Stack]) -> None:
    """All images have one grey value a pixel, or all of them three."""
    known = [(stack.name, stack.sizes.get("S", 1)) for stack in stacks]
    for name in (*recipe.clean, *recipe.similar):
        with open_clean(recipe, name) as stack:
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


def check_pixel_sizes(binding: Binding) -> None:
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


def check_clean(work: Work) -> None:
    """Clean images teach how bright things are and how large: both should be those of the recorded ones.

    Those of another kind need only be there, and large enough.
    """
    if work.recipe.similar:
        clean_images(work, 0)
    if not work.recipe.clean:
        return
    _check_brightness(work)
    recorded = work.crops.stacks[0]
    for name in work.recipe.clean if work.imaging.operator.sharp else ():
        with open_clean(work.recipe, name) as stack:
            sizes = _size(stack, "X"), _size(recorded, "X")
            if None not in sizes and not _alike(*sizes, within=OTHER_SIZE):
                work.notice(
                    f"{stack.name} has pixels of {_said(stack)} and {recorded.name} of {_said(recorded)}, so what they "
                    "show is of another size in pixels, and is learned from as it is. Resample the clean images if "
                    "that is wrong."
                )
                return


def _check_brightness(work: Work) -> None:
    clean, (mean, contrast) = clean_images(work, 1), moments(work)
    if clean is None:
        return
    factor = _times_as_bright(clean, mean, contrast)
    many, words = max(factor, 1 / factor), "as bright as" if factor > 1 else "darker than"
    said = f"The clean images are about {many:.2g} times {words} the recorded ones"
    advice = (
        "Bring them to the units of the recorded ones (by exposure time, say), or begin with similar:GLOB in the place "
        "of clean:GLOB, which takes them for images of another kind"
    )
    if many > OTHER_UNITS:
        raise RunError(f"{said}, which must be other units; nothing was started. {advice}.")
    shift = float(clean.mean()) - mean
    if many > BRIGHTER:
        work.notice(f"{said}, and are learned from as they are. {advice} if that is wrong.")
    elif abs(shift) > SHIFTED * max(contrast, float(clean.std())):
        work.notice(
            f"The clean images are on average {abs(shift) * work.crops.scale.gain:.3g} grey levels "
            f"{'brighter' if shift > 0 else 'darker'} than the recorded ones, far more than their contrast, and are "
            "learned from as they are. Give both the same camera offset if that is wrong."
        )


def _times_as_bright(clean: Tensor, mean: float, contrast: float) -> float:
    """By the mean and the contrast, whichever says less: optics change one of them, other units both."""
    if mean <= 0:
        return 1.0
    ratios = max(float(clean.mean()) / mean, 1e-9), max(float(clean.std()) / contrast, 1e-9)
    if (ratios[0] > 1) != (ratios[1] > 1):
        return 1.0
    return min(ratios, key=lambda ratio: abs(math.log(ratio)))


def _size(stack: Stack, axis: str) -> float | None:
    size = stack.pixel_size.get(axis)
    return None if size is None else to_um(size.value, size.unit)


def _said(stack: Stack) -> str:
    size = stack.pixel_size.get("X")
    return "unknown size" if size is None else str(size)


def _alike(one: float | None, other: float | None, within: float = ALIKE) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= within * max(one, other)


def _needs_pixel_size(binding: Binding) -> bool:
    unknown = [stack.with_(pixel_size={}) for stack in binding.stacks[:1]]
    try:
        _ = replace(binding, stacks=unknown).one
    except PhysicsError:
        return True
    return False
