"""What Restore does in its thread when a method without a prior is chosen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from emdiff_app.images import Stack, open_stack
from emdiff_app.images.arrays import ArrayReader
from emdiff_app.physics import ImagingModel
from emdiff_app.restoring import Cancelled, RestoreProgress

from .finer_pixels import first_recorded
from .host import ImageRef, Result
from .jobs import LEARNING, Talk
from .model_form import ModelForm
from .other_methods import METHODS
from .restoration import Restored, batch_words

__all__ = ["OtherBatchTask", "OtherTask"]


@dataclass(frozen=True, eq=False)
class OtherTask:
    """One image by the method `method`; fixed when the button is pressed."""

    image: ImageRef
    form: ModelForm
    method: str
    settings: Mapping[str, Any]

    def __call__(self, talk: Talk) -> Restored:
        from .torch_ahead import load_torch

        load_torch()
        model = self.form.complete(self.image.stack).imaging_model()
        made = _restored(self.image.stack, model, self.method, self.settings, talk)
        pixels = np.full(made.shape, np.nan, np.float32)
        title = METHODS[self.method].title
        shown = made.with_(reader=ArrayReader(pixels, made.axes), name=f"{self.image.name} {title}")
        finer = made.shape != self.image.stack.shape
        talk.parts((Result(shown, self.image.key, "compared", first_recorded(model) if finer else {}),))
        indices = list(made.plane_indices())
        for number, index in enumerate(indices):
            _go_on(talk, number, len(indices))
            pixels[index] = made.plane(index)
        talk.progress(RestoreProgress(len(indices), len(indices), 0, 1))
        return Restored(
            f"{shown.name} is a new layer. It was made without a prior, so nothing says how sure it is; put it beside "
            "the clean estimate.",
            judged=False,
        )


@dataclass(frozen=True, eq=False)
class OtherBatchTask:
    """Every image of a folder into files of another; what cannot be restored does not stop the rest."""

    folder: Path
    out: Path
    form: ModelForm
    method: str
    settings: Mapping[str, Any]
    said: Mapping[str, Any] = field(default_factory=dict)  # over the files, as `open_stack` takes it

    def __call__(self, talk: Talk) -> Restored:
        from .torch_ahead import load_torch

        load_torch()
        from emdiff_app.baselines import is_restored, save_restored
        from emdiff_app.images.atomic import ensure_free
        from emdiff_app.restoring import Outcome, Source, find_sources, make_folder, restore_each

        sources = find_sources([self.folder])
        make_folder(self.out)

        def one(source: Source) -> Outcome:
            number = sources.index(source)
            _go_on(talk, number, len(sources), "file")
            with open_stack(source.path, **self.said) as stack:
                model = self.form.complete(stack).imaging_model()
                path = self.out / f"{source.stem}-{self.method}.ome.tif"
                if is_restored(path, stack, model, self.method, self.settings):
                    return Outcome(source, "there already")
                ensure_free(path)
                made = _restored(stack, model, self.method, self.settings, talk)
                save_restored(
                    made,
                    path,
                    stack,
                    model,
                    self.method,
                    self.settings,
                    on_plane=lambda done, planes: _go_on(talk, number, len(sources), "file", done, planes),
                )
            return Outcome(source, "restored")

        return batch_words(list(restore_each(sources, one)), self.out, judged=False)


def _restored(
    stack: Stack, model: ImagingModel, method: str, settings: Mapping[str, Any], talk: Talk
) -> Stack:
    from emdiff_app.baselines import restored_stack

    def learning(done: float) -> None:
        if talk.should_stop():
            raise Cancelled
        talk.progress(RestoreProgress(0, 1, int(1000 * done), 1000), LEARNING)

    return restored_stack(stack, model, method, settings, on_learning=learning)


def _go_on(
    talk: Talk, number: int, count: int, counted: str = "plane", step: int = 0, steps: int = 1
) -> None:
    if talk.should_stop():
        raise Cancelled
    talk.progress(RestoreProgress(number, count, step, steps), counted)
