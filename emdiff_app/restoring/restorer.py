"""`restore`: a stack, a prior and an imaging model in; images in memory out."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emdiff_app.diffusion import Prior
from emdiff_app.errors import EMDiffError
from emdiff_app.images import Stack, open_stack, stack_from_array
from emdiff_app.images.arrays import ArrayReader
from emdiff_app.physics import ImagingModel
from emdiff_app.physics.checking import Agreement

from .checking import examine_task, verdict_on
from .chosen_prior import KnownPrior, known_prior
from .job import RestoreProgress, Watch
from .sentences import sentences_of
from .task import prepare
from .ways import Settings
from .words import SUFFIXES, checked_words

if TYPE_CHECKING:
    from .trust import Examined, Verdict

__all__ = ["Restoration", "restore"]


@dataclass(frozen=True)
class Restoration:
    """What came of a stack: its results by their words, how they fit the data, and what there is to say.

    `facts` is all that decided the result, as it is written into files. `verdict` says whether to believe it, and
    `examined` what that rests on: `check` restores some crops of the stack and looks at them, when one is asked for.
    """

    results: Mapping[str, Stack]
    agreement: Agreement
    sentences: tuple[str, ...]
    facts: Mapping[str, Any]
    check: "Callable[[], Examined]" = field(repr=False)

    @property
    def verdict(self) -> "Verdict":
        """Trustworthy, usable with care or do not use, with the reasons."""
        return self.examined.assessment.verdict

    @cached_property
    def examined(self) -> "Examined":
        """Everything that was looked at for the verdict; `restoring.report.report_of` makes a page of it."""
        return self.check()

    @property
    def mean(self) -> Stack:
        """The clean estimate: the posterior mean (of one sample, the sample itself)."""
        return self.results["mean"]

    @property
    def spread(self) -> Stack | None:
        """The posterior standard deviation of every pixel."""
        return self.results.get("spread")

    @property
    def prior_alone(self) -> Stack | None:
        """The share of every pixel's variance that the data did not determine, from 0 to 1."""
        return self.results.get("prior-alone")

    @property
    def samples(self) -> tuple[Stack, ...]:
        """The samples that were kept, each a possible clean image."""
        return tuple(made for name, made in self.results.items() if name.startswith("sample"))

    @property
    def chi2(self) -> float:
        """The mean square of the whitened residuals of the samples: about 1."""
        return self.agreement.chi2


def restore(
    image: Any,
    prior: str | Path | Prior | KnownPrior,
    imaging_model: ImagingModel | Mapping[str, Any] | str | Path | None = None,
    *,
    samples: int | None = None,
    write: tuple[str, ...] | None = None,
    sampler: str = "auto",
    steps: int | None = None,
    seed: int = 0,
    turns: bool = False,
    intensities: str = "prior",
    noise_per_image: str = "auto",
    check: bool = False,
    axes: str | None = None,
    device: str = "auto",
    memory_gb: float | None = None,
    tile: int | None = None,
    on_progress: Callable[[RestoreProgress], None] = lambda progress: None,
    on_results: Callable[[Mapping[str, Stack]], None] = lambda results: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Restoration:
    """Restore an image: a Stack, an array (with `axes`, such as "ZYX") or a path.

    `prior` is a file (or a prior in memory); `imaging_model` says how the image was recorded, as the prior's own
    images by default. `samples` None gives the clean estimate in the quickest right way, 1 a single sample, more
    their mean. `write` names the results: mean, spread, sample, samples, prior-alone. The same seed gives the same
    samples, whatever the tiles. `noise_per_image` (yes, no, auto) measures the noise of each plane. `memory_gb` bounds
    what images and tiles take. `on_results` gets the results before the first plane is restored; they fill up as planes
    are finished. With `check` the verdict is made at once, otherwise when it is asked for.
    """
    words = write or (("mean",) if samples == 1 else ("mean", "spread"))
    settings = Settings(
        words=checked_words(words),
        samples=samples,
        sampler=sampler,
        steps=steps,
        seed=seed,
        turns=turns,
        memory=None if memory_gb is None else memory_gb * 2**30,
        tile=tile,
    )
    stack = _stack(image, axes)
    task = prepare(
        stack,
        known_prior(prior, device),
        _model(imaging_model),
        settings,
        intensities=intensities,
        noise_per_image=noise_per_image,
        device=device,
    )
    engine = task.engine
    arrays = {name: np.zeros(engine.shape, np.float32) for name in engine.names}
    results = {
        name: task.result_stack(ArrayReader(array, stack.axes), _word(name)) for name, array in arrays.items()
    }
    on_results(results)
    watch = Watch(_planes(engine.shape, stack), on_progress, should_stop)
    fits: list[Agreement] = []
    unstable = missing = 0
    for unit in engine.units():
        made = engine.restore(unit, watch)
        for name, planes in made.planes.items():
            for index, plane in zip(unit.planes, planes, strict=True):
                arrays[name][index] = plane
        fits += made.fits
        unstable += made.unstable
        missing += made.missing
    watch.end()
    whole = Agreement.of_all(fits)

    def checked() -> "Examined":
        return verdict_on(examine_task(task, should_stop), whole)

    done = Restoration(results, whole, sentences_of(task, fits, unstable, missing), task.facts, checked)
    if check:
        with suppress(EMDiffError):  # it is said when the verdict is asked for; the restoration is there
            _ = done.examined
    return done


def _planes(shape: tuple[int, ...], stack: Stack) -> int:
    return int(np.prod(shape[: len(stack.outer_axes)]))


def _word(name: str) -> str:
    return SUFFIXES.get(name, name)


def _stack(image: Any, axes: str | None) -> Stack:
    if isinstance(image, Stack):
        return image
    if isinstance(image, str | Path):
        return open_stack(image, axes=axes)
    return stack_from_array(image if hasattr(image, "shape") else np.asarray(image), axes, name="image")


def _model(model: ImagingModel | Mapping[str, Any] | str | Path | None) -> ImagingModel | None:
    if model is None or isinstance(model, ImagingModel):
        return model
    return ImagingModel.parse(model) if isinstance(model, Mapping) else ImagingModel.read(model)
