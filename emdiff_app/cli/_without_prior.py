"""`emdiff restore --method richardson-lucy`: the classical methods, plane by plane, without a prior."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from emdiff_app import __version__
from emdiff_app.errors import EMDiffError
from emdiff_app.restoring import Outcome, Source

from ._output import say
from ._restoring import Choices, parse_settings

__all__ = ["without_prior"]

TEACHING = 16
"""Planes that a method learns from; more would not fit into memory where they are large."""
PAUSE = 10.0
"""Seconds between two lines on how far learning is."""


def without_prior(
    choices: Choices, prior: Path | None, model: Path | None, method: str, settings: Sequence[str]
) -> Callable[[Source], Outcome]:
    """What restores one image by `method`; a prior lends its imaging model where there is one."""
    from emdiff_app.baselines import method as known_method
    from emdiff_app.images import open_stack, save_stack
    from emdiff_app.images.atomic import ensure_free
    from emdiff_app.physics import ImagingModel
    from emdiff_app.priors import read_card
    from emdiff_app.restoring.alike import alike

    from ._model import model_or_estimate

    given = parse_settings(settings)
    known_method(method).settings(given)
    if choices.write != "mean,spread" or choices.samples is not None:
        raise EMDiffError(
            f"{method} gives one image, no samples and no spread; nothing was restored. Leave out --write and "
            "--samples."
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
            here, said = model_or_estimate(None, [source.path], **choices.overrides)
            for sentence in said:
                say(f"{source.path.name}: {sentence}")
        with open_stack(source.path, **choices.overrides) as stack:
            settings = _learned(stack, here, method, given, source.path.name)
            made = alike(stack, _Restored(stack, here, method, settings), method, _optics(stack, here), "YX")
            saved = save_stack(
                made,
                path,
                dtype=str(stack.dtype.newbyteorder("=")) if choices.dtype == "same" else "float32",
                overwrite=choices.overwrite,
                compression=choices.compression,
                provenance={
                    "program": f"EMDiff {__version__}",
                    "source": source.path.name,
                    "method": method,
                    "settings": given,
                    "imaging_model": here.model_dump(mode="json", exclude_none=True),
                },
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


def _learned(stack: Any, model: Any, method: str, given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The settings, with what the method learns from planes all along the stack before the first is restored."""
    from emdiff_app.baselines import method as known_method
    from emdiff_app.baselines import prepared

    if known_method(method).learn is None:
        return given
    indices = list(stack.plane_indices())
    planes = [stack.plane(index) for index in indices[:: -(-len(indices) // TEACHING)]]
    began = said = time.monotonic()
    say(f"{name}: {method} learns from {len(planes)} plane(s) first.")

    def tell(done: float) -> None:
        nonlocal said
        if (now := time.monotonic()) - said >= PAUSE:
            said = now
            say(f"{name}: learning, {100 * done:.0f} %, {(now - began) * (1 / done - 1):.0f} s left")

    return prepared(method, planes, model, pixel_size=stack.pixel_size, on_progress=tell, **given)


def _optics(stack: Any, model: Any) -> Any:
    import torch

    from emdiff_app.images import IntensityScale
    from emdiff_app.restoring.optics import Optics

    field = (stack.sizes["Y"], stack.sizes["X"])
    as_recorded = IntensityScale(offset=0.0, gain=1.0)
    return Optics(model, field, stack.pixel_size, as_recorded, torch.device("cpu"))


@dataclass(frozen=True)
class _Restored:
    """A reader that restores each plane of another stack when it is asked for."""

    stack: Any
    model: Any
    method: str
    settings: Mapping[str, Any]

    def read(self, index: tuple[int, ...]) -> NDArray[Any]:
        from emdiff_app.baselines import restore_with

        return restore_with(
            self.method,
            self.stack.plane(index),
            self.model,
            pixel_size=self.stack.pixel_size,
            **self.settings,
        )

    def read_region(self, index: tuple[int, ...], rows: slice, columns: slice) -> NDArray[Any]:
        return self.read(index)[rows, columns]

    def close(self) -> None:
        """The stack itself is closed by whoever opened it."""
