"""The images of a recipe as stacks, one channel of each."""

import contextlib
import os
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from emdiff_app.errors import EMDiffError, RunError
from emdiff_app.images import Stack, open_stack
from emdiff_app.learning.recipe import Recipe

__all__ = ["each_once", "files_of", "one_channel", "open_clean", "open_recorded"]


def open_recorded(recipe: Recipe) -> list[Stack]:
    """The corrupted images, opened as the recipe says."""
    return [
        one_channel(
            open_stack(Path(name), axes=recipe.axes, pixel_size=recipe.pixel_size_um, channel=recipe.channel)
        )
        for name in recipe.stacks
    ]


def open_clean(recipe: Recipe, name: str) -> Stack:
    """One of the clean images: its pixel size is its own, and so are axes that do not fit it.

    If it has one channel, which one that would be among others does not matter, but another name does.
    """
    refusals = []
    for axes, channel in product(dict.fromkeys((recipe.axes, None)), dict.fromkeys((recipe.channel, None))):
        try:
            stack = one_channel(open_stack(Path(name), axes=axes, channel=channel))
        except EMDiffError as refusal:
            refusals.append(refusal)
            continue
        if channel == recipe.channel or str(recipe.channel).isdecimal() or not stack.channels:
            return stack
        stack.close()
    raise refusals[0]


def one_channel(stack: Stack) -> Stack:
    """The stack itself; several channels are refused, which one scale and one noise would mix up, and transparency."""
    count = stack.sizes.get("C", 1)
    if count > 1:
        names = f" ({', '.join(stack.channels)})" if stack.channels else ""
        raise RunError(
            f"{stack.name} has {count} channels{names}, each with a scale and a noise of its own, and a prior is "
            "learned from one of them; nothing was started. Choose it with --channel, by number (from 0) or name."
        )
    samples = stack.sizes.get("S", 1)
    if samples not in (1, 3):
        raise RunError(
            f"{stack.name} has {samples} samples a pixel, the last of which is transparency rather than light; nothing "
            "was started. Save it as grey or RGB without transparency."
        )
    return stack


def each_once(names: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """The names that lead to files of their own, and a sentence for each other one.

    Crops are kept aside to judge the prior, and a second way to the same pixels would be learned from.
    """
    owners: dict[tuple[int, int] | str, Path] = {}
    kept, said = [], []
    for name in names:
        files = files_of(name)
        known = [owners[file] for file in files if file in owners]
        if not known:
            kept.append(name)
            owners |= dict.fromkeys(files, name)
        elif len(known) == len(files):
            said.append(
                f"{name.name} is used once, though it was given again or is a part of {known[0].name}."
            )
        else:
            raise RunError(
                f"Some images of {name.name} are also those of {known[0].name}, and each may be learned from once; "
                "nothing was started. Name each image once."
            )
    return kept, said


def files_of(name: Path) -> list[tuple[int, int] | str]:
    """What tells the files behind a name from all others, whatever they are called; nothing if there are none."""
    from emdiff_app.images.folders.opening import image_files

    files = [name]
    if not name.is_file() and name.suffix != ".zarr":
        with contextlib.suppress(EMDiffError, OSError):  # a folder that is one image, or a name of nothing
            files = image_files(name)
    found: list[tuple[int, int] | str] = []
    for file in files:
        with contextlib.suppress(OSError):  # which is said when it is opened
            stat = file.stat()
            found.append((stat.st_dev, stat.st_ino) if stat.st_ino else os.path.realpath(file))
    return found
