"""Wishes about images: open them, say what they are, save one."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from emdiff_app.errors import StackError
from emdiff_app.gui.host import SAID, ImageRef, Offer
from emdiff_app.gui.jobs import sentence_of
from emdiff_app.gui.layers import pixels_of
from emdiff_app.gui.model_form import ModelForm
from emdiff_app.gui.phrases import axes_offered
from emdiff_app.gui.thumbnails import thumbnail
from emdiff_app.images import Stack, open_stack, save_stack
from emdiff_app.physics import ImagingModel
from emdiff_app.resources import resource_path

from .state import State

__all__ = ["ImageWishes"]

Opened = tuple[Stack, list[Any]]
"""A stack and what its layers show."""
AXIS_NAMES = {"Z": "depth", "T": "time", "C": "channels"}


class ImageWishes(State):
    def look_at_images(self) -> None:
        """The host shows other images than before; new recorded ones are ticked."""
        before = {ref.key for ref in self.images}
        refs = tuple(self.host.list_images())
        keys = {ref.key for ref in refs}
        new = [ref for ref in refs if ref.key not in before]
        self.images = refs
        self.masks = tuple(self.host.list_masks())
        self.ticked = (self.ticked & keys) | {ref.key for ref in new if not ref.is_result}
        self.unsaved &= keys
        self.restored = {key: stack for key, stack in self.restored.items() if key in keys}
        self.thumbnails = {key: small for key, small in self.thumbnails.items() if key in keys}
        recorded = [ref.key for ref in refs if not ref.is_result]
        if self.to_restore not in keys:
            self.to_restore = recorded[0] if recorded else ""
        for ref in new:
            self._draw_small(ref)

    def _draw_small(self, ref: ImageRef) -> None:
        def show(small: Any) -> None:
            self.thumbnails = {**self.thumbnails, ref.key: small}

        # A list without its picture is no news.
        self.tasks.run(partial(thumbnail, ref.stack), show, lambda failure: None)

    def open_images(self, paths: list[Path]) -> None:
        """One after the other, so that a hundred files do not ask for a hundred threads."""
        path, *others = paths

        def show(found: Opened | StackError) -> None:
            if isinstance(found, StackError):
                self._ask_for_axes(path, found)
            else:
                self._show(found)
            if others:
                self.open_images(others)

        self.task(f"Opening {path.name}", partial(_opened_or_why_not, path), show)

    def open_with_axes(self, path: Path, axes: str) -> None:
        """The answer to a question about axes."""
        self.message = None
        self.task(f"Opening {path.name}", partial(_opened, path, axes), self._show)

    def _ask_for_axes(self, path: Path, error: StackError) -> None:
        offers = tuple(
            Offer(axes_words(axes), "open_with_axes", (path, axes)) for axes in axes_offered(str(error))
        )
        self.tell(sentence_of(error), "warning" if offers else "error", offers=offers)

    def _show(self, opened: Opened) -> None:
        stack, read = opened
        self.host.show_stack(stack, read)
        if stack.source is not None:
            self.opened = (stack.source,)
        if stack.warnings:
            self.tell(" ".join(stack.warnings), "warning")

    def correct(
        self, key: str, axes: str | None = None, pixel_size: Mapping[str, float] | None = None
    ) -> None:
        """What the user says wins over the file. A pixel size goes to every image that has none, too."""
        self.host.correct(key, axes, pixel_size)
        if pixel_size:
            for ref in self.images:
                if ref.key != key and not ref.stack.pixel_size.get("X"):
                    self.host.correct(ref.key, None, pixel_size)
        if axes and "C" in axes:
            self.ticked -= {key}
            self.tell("Each channel is an image of its own now; tick the one to learn from.")

    def try_example(self) -> None:
        """Everything set for a first look, offline."""

        def load() -> tuple[Opened, ImagingModel]:
            model = ImagingModel.read(resource_path("example/model.json"))
            stack, read = _opened(resource_path("example/recorded.tif"))
            return (stack.with_(name="example"), read), model

        def show(loaded: tuple[Opened, ImagingModel]) -> None:
            opened, model = loaded
            self.ticked = frozenset()
            self._show(opened)
            self.form, self.preset = ModelForm.of(model), "quick"
            self.tell("The example is ready: press Start learning, and later Restore.")

        self.task("Opening the example", load, show)

    def save_image(self, key: str, path: Path) -> None:
        """Write an image with its pixel size and axes."""
        image = self.image(key)
        if image is None:
            return
        stack = image.stack

        def saved(_: Any) -> None:
            self.unsaved -= {key}
            self.tell(f"Saved {path}.")

        self.task(f"Saving {path.name}", lambda: save_stack(stack, path, overwrite=True), saved)


def axes_words(axes: str) -> str:
    """`It is depth (Z Y X)`, or only the letters where several axes are in doubt."""
    outer = axes[: axes.index("Y")]
    letters = " ".join(axes)
    return f"It is {AXIS_NAMES[outer]} ({letters})" if outer in AXIS_NAMES else letters


def _opened(path: Path, axes: str | None = None) -> Opened:
    """With its pixels, which are not to be read when the window waits for them.

    An answer about the axes stays with the stack: whoever opens the file again needs it, too.
    """
    stack = open_stack(path, axes=axes)
    if axes is not None:
        stack = stack.with_(extras={**stack.extras, SAID: {"axes": axes}})
    try:
        return stack, pixels_of(stack)
    except BaseException:
        stack.close()
        raise


def _opened_or_why_not(path: Path) -> Opened | StackError:
    try:
        return _opened(path)
    except StackError as error:  # an answer, where it asks for the axes
        return error
