"""`learn` for notebooks and workflows: images and an imaging model in, the file of a prior out."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from emdiff_app.errors import RunError
from emdiff_app.images import open_stack
from emdiff_app.physics import ImagingModel, estimate_noise
from emdiff_app.physics.model import wrong_fields

from .crops.opening import each_once
from .learner import learn as learn_run
from .recipe import PRESETS, Preset, Recipe
from .runs import events
from .runs.run_folder import RunFolder

__all__ = ["learn"]


def learn(
    images: str | Path | Sequence[str | Path],
    out: str | Path,
    imaging_model: ImagingModel | Mapping[str, Any] | str | Path | None = None,
    *,
    preset: Preset = "standard",
    on_event: Callable[[Any], None] = lambda event: None,
    **fields: Any,
) -> Path:
    """Learn what clean images look like from the files `images`; the run lies in the new folder `out`.

    Without an imaging model noise alone is assumed, measured in the first image. `fields` are those of the recipe,
    such as `rounds=3`. Returns the file of the prior; what happens on the way is told to `on_event`.
    """
    paths = [images] if isinstance(images, str | Path) else list(images)
    if not paths:
        raise RunError("There are no images to learn from; nothing was started. Give at least one file.")
    if preset not in PRESETS:
        raise RunError(
            f"There is no preset called {preset!r}; nothing was started. There are {', '.join(PRESETS)}."
        )
    own, again = each_once([Path(path).absolute() for path in paths])
    for sentence in again:
        warnings.warn(sentence, stacklevel=2)
    files = tuple(map(str, own))
    for name in ("clean", "similar"):
        if given := fields.pop(name, None):
            each = [given] if isinstance(given, str | Path) else given
            fields[name] = tuple(str(Path(path).absolute()) for path in each)
    if fields.get("prior"):
        fields["prior"] = str(Path(fields["prior"]).absolute())
    try:
        recipe = Recipe(stacks=files, model=_model(imaging_model, files), **{**PRESETS[preset], **fields})
    except ValidationError as error:
        raise RunError(f"The recipe: {wrong_fields(error)}; nothing was started.") from None
    run = RunFolder.create(Path(out), recipe)
    last: list[Any] = [None]

    def told(event: Any) -> None:
        if isinstance(event, events.Finished | events.Stopped | events.Failed):
            last[0] = event
        on_event(event)

    learn_run(run, on_event=told)
    if isinstance(last[0], events.Failed):
        raise RunError(last[0].text)
    if not run.prior.exists():
        raise RunError(f"Learning ended before there was a prior; what was done is kept in {run.path.name}.")
    return run.prior


def _model(model: ImagingModel | Mapping[str, Any] | str | Path | None, files: Sequence[str]) -> ImagingModel:
    if model is None:
        with open_stack(files[0]) as stack:
            return ImagingModel(noise=estimate_noise(stack).model)
    if isinstance(model, ImagingModel):
        return model
    return ImagingModel.parse(model) if isinstance(model, Mapping) else ImagingModel.read(model)
