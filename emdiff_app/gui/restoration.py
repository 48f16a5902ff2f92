"""What Restore does in its thread, and which images come of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from emdiff_app.errors import EMDiffError
from emdiff_app.images import Stack
from emdiff_app.images.arrays import ArrayReader
from emdiff_app.physics import ImagingModel
from emdiff_app.priors import read_card
from emdiff_app.restoring import Cancelled, RestoreProgress
from emdiff_app.restoring.trust.records import Grade, Verdict

from .finer_pixels import first_recorded
from .host import ImageRef, Result
from .jobs import CHECKING, Talk
from .model_form import ModelForm
from .other_methods import settings_words

if TYPE_CHECKING:
    from emdiff_app.restoring import Outcome

__all__ = ["BatchTask", "Mode", "RestoreTask", "Restored", "Wanted", "batch_words"]

Mode = Literal["clean", "average", "samples", "other"]
KINDS = {"mean": "restored", "spread": "uncertainty"}
AVERAGED = 8


@dataclass(frozen=True)
class Wanted:
    """Which results, by the modes of the window."""

    mode: Mode = "clean"
    count: int = 4  # of samples that are kept apart
    spread: bool = True
    method: str = "richardson-lucy"  # where a method without a prior is wanted
    settings: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # of such methods, by name

    @property
    def samples(self) -> int | None:
        """How many to draw; None for the clean estimate in the quickest right way."""
        return {"average": AVERAGED, "samples": self.count}.get(self.mode)

    @property
    def method_settings(self) -> dict[str, float | int]:
        """Of the method without a prior that is chosen, as it takes them."""
        return settings_words(self.method, self.settings.get(self.method, {}))

    @property
    def words(self) -> tuple[str, ...]:
        """The results as the engine calls them."""
        first = "samples" if self.mode == "samples" else "mean"
        return (first, "spread") if self.spread else (first,)


@dataclass(frozen=True, eq=False)
class Restored:
    """What there is to say of a restoration: the verdict, and the reasons for it."""

    verdict: str
    reasons: tuple[str, ...] = ()
    rejected: bool = False
    """The answer is that the result should not be used."""
    judged: bool = True
    """Whether there is a verdict at all."""


@dataclass(frozen=True, eq=False)
class RestoreTask:
    """All that a restoration needs, fixed when the button is pressed."""

    image: ImageRef
    prior: Path
    form: ModelForm
    wanted: Wanted
    device: str

    def __call__(self, talk: Talk) -> Restored:
        from .torch_ahead import load_torch

        load_torch()
        from emdiff_app.restoring import restore

        model = self.form.model_to_restore(self.image.stack)
        done = restore(
            self.image.stack,
            self.prior,
            model,
            samples=self.wanted.samples,
            write=self.wanted.words,
            device=self.device,
            on_progress=talk.progress,
            on_results=lambda results: talk.parts(self._parts(results, model)),
            should_stop=talk.should_stop,
        )
        planes = max((len(list(made.plane_indices())) for made in done.results.values()), default=1)
        talk.progress(RestoreProgress(planes, planes, 0, 1), CHECKING)
        try:
            verdict = done.verdict
        except Cancelled:
            return Restored(
                "It was cancelled before there was a verdict; the restored image is whole.", done.sentences
            )
        except EMDiffError as error:
            return Restored(
                "There is no verdict, since the check could not be made.", (str(error), *done.sentences)
            )
        reasons = (*_reasons(verdict), *done.sentences)
        return Restored(verdict.headline, reasons, verdict.grade is Grade.STOP)

    def _parts(self, results: Mapping[str, Stack], model: ImagingModel | None) -> tuple[Result, ...]:
        """The restored image last, so that it lies on top. Until a plane is there, what is below is seen through it."""
        for stack in results.values():
            if isinstance(stack.reader, ArrayReader):
                stack.reader.array[...] = np.nan
        finer = any(stack.shape != self.image.stack.shape for stack in results.values())
        first = first_recorded(model or read_card(self.prior).model) if finer else {}
        made = [
            self._result(stack, KINDS.get(name, name.replace("-", " ")), first)
            for name, stack in results.items()
        ]
        return tuple(
            sorted(made, key=lambda result: (result.kind == "restored", result.kind != "uncertainty"))
        )

    def _result(self, stack: Stack, kind: str, first: Mapping[str, float]) -> Result:
        return Result(stack.with_(name=f"{self.image.name} {kind}"), self.image.key, kind, first)


def _reasons(verdict: Verdict) -> tuple[str, ...]:
    return tuple(f"{reason.sentence} {reason.action}" for reason in verdict.reasons)


@dataclass(frozen=True, eq=False)
class BatchTask:
    """Every image of a folder into files of another; what cannot be restored does not stop the rest."""

    folder: Path
    out: Path
    prior: Path
    form: ModelForm
    wanted: Wanted
    device: str
    said: Mapping[str, Any] = field(default_factory=dict)  # over the files, as `open_stack` takes it

    def __call__(self, talk: Talk) -> Restored:
        from .torch_ahead import load_torch

        load_torch()
        from emdiff_app.restoring import (
            Outcome,
            Settings,
            Source,
            Target,
            examine_if_possible,
            find_sources,
            known_prior,
            make_folder,
            prepare,
            restore_each,
            write_restoration,
        )

        sources = find_sources([self.folder])
        make_folder(self.out)
        prior = known_prior(self.prior, self.device)
        settings = Settings(words=self.wanted.words, samples=self.wanted.samples)

        def one(source: Source) -> Outcome:
            number = sources.index(source)

            def told(progress: RestoreProgress) -> None:
                talk.progress(
                    RestoreProgress(number, len(sources), int(100 * progress.fraction), 100), "file"
                )

            told(RestoreProgress(0, 1, 0, 1))
            with _opened(source.path, self.said) as stack:
                model = self.form.model_to_restore(stack)
                task = prepare(stack, prior, model, settings, device=self.device)
                target = Target(self.out, source.stem)
                if target.holds(task):
                    return Outcome(source, "there already")
                examined, why_not = examine_if_possible(task, talk.should_stop)
                made = write_restoration(
                    task, target, examined=examined, on_progress=told, should_stop=talk.should_stop
                )
            first = made.examined.assessment.verdict.headline if made.examined else why_not
            return Outcome(source, "restored", " ".join((first, *made.sentences)), made)

        return batch_words(list(restore_each(sources, one)), self.out)


def batch_words(outcomes: Sequence["Outcome"], out: Path, judged: bool = True) -> Restored:
    """What became of many images."""
    failed = [o for o in outcomes if o.state == "failed"]
    words = f"{len(outcomes) - len(failed)} of {len(outcomes)} images are restored in {out}."
    if there := sum(o.state == "there already" for o in outcomes):
        words += f" {there} of them {'was' if there == 1 else 'were'} there already."
    if failed:
        words += f" {len(failed)} could not be: {failed[0].source.path.name}: {failed[0].sentence}"
    said = tuple(f"{o.source.path.name}: {o.sentence}" for o in outcomes if o.sentence)
    return Restored(words, said, judged=judged)


def _opened(path: Path, said: Mapping[str, Any]) -> Stack:
    from emdiff_app.images import open_stack

    return open_stack(path, **said)
