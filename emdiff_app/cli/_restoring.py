"""What `emdiff restore` does with each image."""

import json
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emdiff_app.errors import EMDiffError
from emdiff_app.restoring import INTENSITIES, Outcome, Source

from ._output import say
from ._restored import Teller
from ._verdicts import told_by, verdict_fields

if TYPE_CHECKING:
    from emdiff_app.restoring import Target, Task, Written
    from emdiff_app.restoring.trust import Examined

__all__ = ["Choices", "parse_settings", "restorer"]

FORMATS = {"ome-tiff": ".ome.tif", "zarr": ".zarr"}


@dataclass(frozen=True)
class Choices:
    """The options of one command line."""

    out: Path
    write: str
    samples: int | None
    sampler: str
    steps: int | None
    turns: bool
    intensities: str
    dtype: str
    form: str
    compression: str
    memory_gb: float | None
    tile: int | None
    device: str
    overrides: Mapping[str, Any]
    seed: int
    overwrite: bool
    noise_per_image: str = "auto"
    check: bool = True
    report: bool = False
    command: str = ""
    changed: Set[str] = frozenset()
    """The options that are not as they are by default."""

    def ending(self, source: Path) -> str:
        if self.form:
            return FORMATS[self.form]
        return ".zarr" if source.is_dir() else ".ome.tif"

    def page(self, source: Source) -> Path:
        """Where the report of an image goes."""
        return self.out / f"{source.stem}-report.html"


def restorer(
    choices: Choices, prior: Path | None, model: Path | None, method: str, settings: Sequence[str]
) -> Callable[[Source], Outcome]:
    """What restores one image; what is wrong with all of them is said before the first."""
    if choices.dtype not in ("float32", "same"):
        raise EMDiffError(f"--dtype must be float32 or same, not {choices.dtype!r}; nothing was restored.")
    if choices.form not in ("", *FORMATS):
        raise EMDiffError(
            f"--format must be {' or '.join(FORMATS)}, not {choices.form!r}; nothing was restored."
        )
    if choices.intensities not in INTENSITIES:
        raise EMDiffError(
            f"--intensities must be {' or '.join(INTENSITIES)}, not {choices.intensities!r}; nothing was restored."
        )
    if choices.report and not choices.check:
        raise EMDiffError("A report needs the check; nothing was restored. Leave out --no-check or --report.")
    if method != "prior":
        if choices.report:
            raise EMDiffError(
                f"A report is about a restoration by a prior, and {method} needs none; nothing was restored. Leave out "
                "--report."
            )
        from ._without_prior import without_prior

        return without_prior(choices, prior, model, method, settings)
    if prior is None:
        raise EMDiffError(
            "--prior is missing; nothing was restored. Name the prior file, or a method that needs none "
            "(--method richardson-lucy)."
        )
    if settings:
        raise EMDiffError("--set is for other methods than the prior; nothing was restored. Leave it out.")
    return _with_prior(choices, prior, model)


def _with_prior(choices: Choices, prior: Path, model: Path | None) -> Callable[[Source], Outcome]:
    from emdiff_app import posterior
    from emdiff_app.images import open_stack
    from emdiff_app.images.atomic import ensure_free
    from emdiff_app.physics import ImagingModel
    from emdiff_app.restoring import (
        Settings,
        Target,
        checked_words,
        known_prior,
        prepare,
        write_restoration,
    )

    chosen = None if model is None else ImagingModel.read(model)
    posterior.get(choices.sampler)
    settings = Settings(
        words=checked_words(choices.write.split(",")),
        samples=choices.samples,
        sampler=choices.sampler,
        steps=choices.steps,
        seed=choices.seed,
        turns=choices.turns,
        memory=None if choices.memory_gb is None else choices.memory_gb * 2**30,
        tile=choices.tile,
    )
    known = known_prior(prior, choices.device)

    def restore(source: Source) -> Outcome:
        name = source.path.name
        with open_stack(source.path, **choices.overrides) as stack:
            for warning in stack.warnings:
                say(f"{name}: {warning}")
            task = prepare(
                stack,
                known,
                chosen,
                settings,
                intensities=choices.intensities,
                noise_per_image=choices.noise_per_image,
                device=choices.device,
            )
            target = Target(choices.out, source.stem, choices.ending(source.path))
            if not choices.overwrite and target.holds(task, choices.dtype):
                return _there_already(choices, source, target, task)
            if choices.report:
                ensure_free(choices.page(source), overwrite=choices.overwrite)
            examined = _examined(task, name) if choices.check else None
            say(f"{name}: {task.engine.way.method}, because {task.engine.way.reason}.")
            written = write_restoration(
                task,
                target,
                dtype=choices.dtype,
                compression=choices.compression,
                overwrite=choices.overwrite,
                examined=examined,
                on_progress=Teller(name),
                on_resumed=lambda planes: say(f"{name}: going on after {planes} finished plane(s)."),
            )
        return Outcome(source, "restored", result=_result(choices, source, task, written))

    return restore


def _there_already(choices: Choices, source: Source, target: "Target", task: "Task") -> Outcome:
    more = " No report was made; --overwrite restores again." if choices.report else ""
    say(f"{source.path.name}: the results are there already.{more}")
    files = {word: str(path) for word, path in target.files(task).items()}
    verdict = target.verdict(task)
    known = {} if verdict is None else {"verdict": verdict}
    return Outcome(source, "there already", result={"stack": str(source.path), **known, **files})


def _examined(task: "Task", name: str) -> "Examined | None":
    """The check comes first: who restores for an hour should know before that something is wrong."""
    from emdiff_app.restoring import examine_if_possible
    from emdiff_app.restoring.trust import Grade

    found, why_not = examine_if_possible(task)
    if found is None:
        say(f"{name}: {why_not}")
    elif found.assessment.verdict.grade is Grade.STOP:
        say(f"{name}: {found.assessment.verdict.headline} It is restored all the same.")
    return found


def _result(choices: Choices, source: Source, task: "Task", written: "Written") -> dict[str, Any]:
    """Say what there is to say of one image, and give it as fields."""
    name, examined = source.path.name, written.examined
    for sentence in written.sentences:
        say(f"{name}: {sentence}")
    result = {
        "stack": str(source.path),
        "chi2": written.agreement.chi2,
        "method": task.engine.way.method,
        "clipped_pixels": sum(written.clipped.values()),
        "spread_label": task.facts.get("spread"),
        **verdict_fields(examined),
        **{word: str(path) for word, path in written.files.items()},
    }
    for line in told_by(examined):
        say(f"{name}: {line}")
    if choices.report and examined is not None:
        from emdiff_app.restoring.report import report_of

        page = choices.page(source)
        recipe = {"recorded": str(source.path), "chi2 of the whole": f"{written.agreement.chi2:.3f}"}
        report_of(
            page,
            examined,
            title=name,
            command=choices.command,
            recipe={**recipe, "method": f"{task.engine.way.method}, {task.engine.way.steps} steps"},
            overwrite=True,  # asked before the hour of work
        )
        result["report"] = str(page)
    return result


def parse_settings(settings: Sequence[str]) -> dict[str, Any]:
    """`iterations=20` as a name and a value."""
    found = {}
    for text in settings:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise EMDiffError(f"--set takes NAME=VALUE, not {text!r}; nothing was restored.")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found
