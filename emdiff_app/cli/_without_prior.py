"""`emdiff restore --method richardson-lucy`: the classical methods, plane by plane, without a prior."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from emdiff_app.errors import EMDiffError
from emdiff_app.restoring import Outcome, Source

from ._output import say
from ._restoring import Choices, parse_settings

__all__ = ["without_prior"]

FOR_PRIORS = (
    "--sampler",
    "--steps",
    "--turns",
    "--intensities",
    "--noise-per-image",
    "--memory",
    "--tile",
    "--device",
    "--seed",
)
"""Options that no method without a prior knows."""
PAUSE = 10.0
"""Seconds between two lines on how far learning is."""


def without_prior(
    choices: Choices, prior: Path | None, model: Path | None, method: str, settings: Sequence[str]
) -> Callable[[Source], Outcome]:
    """What restores one image by `method`; a prior lends its imaging model where there is one."""
    from emdiff_app.baselines import method as known_method
    from emdiff_app.baselines import restored_stack, save_restored
    from emdiff_app.images import open_stack
    from emdiff_app.images.atomic import ensure_free
    from emdiff_app.physics import ImagingModel
    from emdiff_app.priors import read_card

    from ._model import model_or_estimate

    given = parse_settings(settings)
    known_method(method).settings(given)
    if choices.write != "mean,spread" or choices.samples is not None:
        raise EMDiffError(
            f"{method} gives one image, no samples and no spread; nothing was restored. Leave out --write and "
            "--samples."
        )
    if idle := [name for name in FOR_PRIORS if name in choices.changed]:
        raise EMDiffError(
            f"{method} does not use {', '.join(idle)}, which only a restoration by a prior does; nothing was restored. "
            f"Leave {'it' if len(idle) == 1 else 'them'} out."
        )
    chosen: ImagingModel | None = None
    if model is not None:
        chosen = ImagingModel.read(model)
    elif prior is not None:
        chosen = read_card(prior).model

    def restore(source: Source) -> Outcome:
        path = choices.out / f"{source.stem}-{method}{choices.ending(source.path)}"
        ensure_free(path, overwrite=choices.overwrite)
        here = chosen
        if here is None:
            here, said = model_or_estimate(None, [source.path], each=False, **choices.overrides)
            for sentence in said:
                say(f"{source.path.name}: {sentence}")
        with open_stack(source.path, **choices.overrides) as stack:
            made = restored_stack(stack, here, method, given, on_learning=_Teller(source.path.name, method))
            saved = save_restored(
                made,
                path,
                stack,
                here,
                method,
                given,
                dtype=str(stack.dtype.newbyteorder("=")) if choices.dtype == "same" else "float32",
                overwrite=choices.overwrite,
                compression=choices.compression,
                on_plane=lambda done, planes: say(f"{source.path.name}: plane {done}/{planes}"),
            )
        result = {
            "stack": str(source.path),
            "method": method,
            "clipped_pixels": saved.clipped_pixels,
            "mean": str(path),
        }
        return Outcome(source, "restored", result=result)

    return restore


class _Teller:
    """Says every now and then how far learning is, which some methods do before the first plane."""

    def __init__(self, name: str, method: str) -> None:
        self.name, self.method = name, method
        self._began = self._said = 0.0

    def __call__(self, done: float) -> None:
        now = time.monotonic()
        if not self._began:
            self._began = self._said = now
            say(f"{self.name}: {self.method} learns from the stack first.")
        elif now - self._said >= PAUSE and done:
            self._said = now
            left = (now - self._began) * (1 / done - 1)
            say(f"{self.name}: learning, {100 * done:.0f} %, {left:.0f} s left")
