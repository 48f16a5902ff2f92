"""Wishes about images: open them, tick them, save one."""

from functools import partial
from pathlib import Path
from typing import Any

from emdiff_app.gui.model_form import ModelForm
from emdiff_app.images import open_stack, save_stack
from emdiff_app.physics import ImagingModel
from emdiff_app.resources import resource_path

from .state import State

__all__ = ["ImageWishes"]


class ImageWishes(State):
    def look_at_images(self) -> None:
        """The host shows other images than before; new recorded ones are ticked."""
        before = {ref.key for ref in self.images}
        refs = tuple(self.host.list_images())
        keys = {ref.key for ref in refs}
        new = {ref.key for ref in refs if ref.key not in before and not ref.is_result}
        self.images = refs
        self.ticked = (self.ticked & keys) | new
        recorded = [ref.key for ref in refs if not ref.is_result]
        if self.to_restore not in keys:
            self.to_restore = recorded[0] if recorded else ""

    def open_images(self, paths: list[Path]) -> None:
        """One after the other, so that a hundred files do not ask for a hundred threads."""
        path, *others = paths

        def show(stack: Any) -> None:
            self._show(stack)
            if others:
                self.open_images(others)

        self.task(f"Opening {path.name}", partial(open_stack, path), show)

    def _show(self, stack: Any) -> None:
        self.host.show_stack(stack)
        if stack.warnings:
            self.tell(" ".join(stack.warnings), "warning")

    def try_example(self) -> None:
        """Everything set for a first look, offline."""

        def load() -> tuple[Any, ImagingModel]:
            model = ImagingModel.read(resource_path("example/model.json"))
            return open_stack(resource_path("example/recorded.tif")), model

        def show(loaded: tuple[Any, ImagingModel]) -> None:
            stack, model = loaded
            self.ticked = frozenset()
            self._show(stack)
            self.form, self.preset = ModelForm.of(model), "quick"
            self.tell("The example is ready: press Start learning, and later Restore.")

        self.task("Opening the example", load, show)

    def save_image(self, key: str, path: Path) -> None:
        """Write an image with its pixel size and axes."""
        image = self.image(key)
        if image is not None:
            stack = image.stack
            self.task(
                f"Saving {path.name}",
                lambda: save_stack(stack, path, overwrite=True),
                lambda _: self.tell(f"Saved {path}."),
            )
