"""The images of a recipe as stacks, one channel of each."""

from pathlib import Path

from emdiff_app.errors import RunError
from emdiff_app.images import Stack, open_stack
from emdiff_app.learning.recipe import Recipe

__all__ = ["one_channel", "open_recorded"]


def open_recorded(recipe: Recipe) -> list[Stack]:
    """The corrupted images, opened as the recipe says."""
    return [
        one_channel(
            open_stack(Path(name), axes=recipe.axes, pixel_size=recipe.pixel_size_um, channel=recipe.channel)
        )
        for name in recipe.stacks
    ]


def one_channel(stack: Stack) -> Stack:
    """The stack itself; several channels are refused, which one scale and one noise would mix up."""
    count = stack.sizes.get("C", 1)
    if count > 1:
        names = f" ({', '.join(stack.channels)})" if stack.channels else ""
        raise RunError(
            f"{stack.name} has {count} channels{names}, each with a scale and a noise of its own, and a prior is "
            "learned from one of them; nothing was started. Choose it with --channel, by number (from 0) or name."
        )
    return stack
