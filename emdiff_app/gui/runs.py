"""From what the window holds to a run folder, and to the same thing as a command line."""

import hashlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from platformdirs import user_data_path
from pydantic import ValidationError

from emdiff_app.errors import EMDiffError, RunError
from emdiff_app.images import save_stack
from emdiff_app.images.atomic import write_bytes
from emdiff_app.learning import PRESETS, Preset, Recipe, RunFolder, each_once, one_channel
from emdiff_app.physics import ImagingModel
from emdiff_app.physics.model import wrong_fields
from emdiff_app.system import command_line

from .host import ImageRef
from .restoration import Wanted
from .start_from import StartFrom

__all__ = [
    "Choices",
    "change_recipe",
    "default_runs",
    "keep_model",
    "learn_line",
    "make_run",
    "named_again",
    "new_folder",
    "other_line",
    "restore_line",
]


@dataclass(frozen=True)
class Choices:
    """How to learn: a preset, where, what differs from the preset, what to start from."""

    preset: Preset
    device: str = "auto"
    changes: Mapping[str, Any] = field(default_factory=dict)
    start: StartFrom = field(default_factory=StartFrom)

    def fields(self) -> dict[str, Any]:
        """The fields of a recipe."""
        return {"device": self.device, **PRESETS[self.preset], **self.changes, **self.start.fields()}


def change_recipe(run: RunFolder, changes: Mapping[str, Any]) -> None:
    """Put other values into the recipe of a run that is not at work; the old recipe stays until the new is whole."""
    path = run.path / "recipe.json"
    try:
        fields = json.loads(path.read_text(encoding="utf-8")) | changes
        Recipe.model_validate(fields)
        write_bytes(path, json.dumps(fields, indent=2).encode(), overwrite=True, error=RunError)
    except (OSError, ValueError) as error:
        why = wrong_fields(error) if isinstance(error, ValidationError) else error
        raise RunError(
            f"The recipe of {run.path.name} could not be changed ({why}); nothing was started."
        ) from None


def default_runs() -> Path:
    """Where runs go unless the user says otherwise."""
    return user_data_path("emdiff", appauthor=False) / "runs"


def new_folder(runs: Path, images: Sequence[ImageRef]) -> Path:
    """A name that tells runs apart: when, and of what."""
    name = re.sub(r"[^\w-]+", "-", images[0].name).strip("-")[:40] if images else "run"
    stem = f"{time.strftime('%Y-%m-%d-%H%M%S')}-{name or 'run'}"
    path, number = runs / stem, 2
    while path.exists():
        path, number = runs / f"{stem}-{number}", number + 1
    return path


def make_run(
    folder: Path,
    images: Sequence[ImageRef],
    model: ImagingModel,
    choices: "Choices",
) -> RunFolder:
    """A run folder whose recipe names files; images that are no files are written into it."""
    if not images:
        raise RunError("No image is ticked, so there is nothing to learn from; tick one under Images.")
    for image in images:
        one_channel(image.stack)
    as_files = _can_be_named(images, choices)
    names = [f"{number:02d}.ome.tif" for number in range(len(images))]
    paths = [
        image.file if as_files else folder / "images" / name
        for image, name in zip(images, names, strict=True)
    ]
    own = each_once([path for path in paths if path])[0] if as_files else paths
    fields = {
        "stacks": [str(path) for path in own],
        "channel": images[0].channel if as_files else None,
        "axes": images[0].said.get("axes") if as_files else None,
        "model": model,
        **choices.fields(),
    }
    try:
        recipe = Recipe.model_validate(fields)
    except ValidationError as error:
        raise RunError(
            f"Something under Custom cannot be: {wrong_fields(error)}; nothing was started. Change it there."
        ) from None
    run = RunFolder.create(folder, recipe)
    if not as_files:
        (folder / "images").mkdir()
        for image, path in zip(images, paths, strict=True):
            assert path is not None
            save_stack(image.stack, path)
    return run


def named_again(images: Sequence[ImageRef], choices: "Choices") -> list[str]:
    """Sentences about images that are the same file as others, which is then used once."""
    try:
        return each_once([i.file for i in images if i.file])[1] if _can_be_named(images, choices) else []
    except EMDiffError:  # which is said when the run is made
        return []


def _can_be_named(images: Sequence[ImageRef], choices: "Choices") -> bool:
    """Whether one recipe can name them all: as files of which it says the same, and no more than is true of others."""
    ways = {(image.channel, image.said.get("axes")) for image in images}
    others_too = choices.start.kind == "clean" and images[0].said.get("axes") is not None
    files = all(image.file and image.file.exists() for image in images)
    return files and len(ways) == 1 and not others_too


def keep_model(runs: Path, model: ImagingModel) -> Path:
    """The model as a file that a command can name; the same model is the same file."""
    text = model.to_json()
    path = runs / "models" / f"{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    model.write(path)
    return path


def learn_line(images: Sequence[ImageRef], model: Path | None, choices: Choices) -> str:
    """`emdiff learn ...` that does what Start learning would; without a model it measures the noise, too."""
    options = {field: f"--{field.replace('_', '-')}" for field in ("rounds", "crop", "seed")}
    options["time_limit_min"] = "--time-limit"
    unknown = sorted(choices.changes.keys() - options.keys())
    if unknown:
        raise EMDiffError(
            f"The command line has no option for {unknown[0].replace('_', ' ')}, so nothing was copied; "
            "`emdiff resume` goes on with a run that was started here."
        )
    changed = [word for field, value in choices.changes.items() for word in (options[field], str(value))]
    words = ["learn", *_files(images), *_model(model), "--out", "run", "--preset", choices.preset]
    return command_line("emdiff", *words, *changed, *_device(choices.device), *choices.start.option())


def restore_line(image: ImageRef, prior: Path, model: Path | None, wanted: Wanted, device: str) -> str:
    """`emdiff restore ...` that does what Restore would; without a model it takes the prior's own, too."""
    words = ["restore", *_files([image]), "--prior", str(prior), *_model(model), "--out", "restored"]
    samples = [] if wanted.samples is None else ["--samples", str(wanted.samples)]
    return command_line("emdiff", *words, *samples, *_device(device), "--write", ",".join(wanted.words))


def other_line(image: ImageRef, model: Path | None, wanted: Wanted, device: str) -> str:
    """The same for a method without a prior."""
    words = ["restore", *_files([image]), "--method", wanted.method, *_model(model)]
    given = [word for name, value in wanted.method_settings.items() for word in ("--set", f"{name}={value}")]
    return command_line("emdiff", *words, "--out", "restored", *_device(device), *given)


def _model(model: Path | None) -> list[str]:
    return [] if model is None else ["--model", str(model)]


def _device(device: str) -> list[str]:
    return [] if device == "auto" else ["--device", device]


def _files(images: Sequence[ImageRef]) -> list[str]:
    """The files of the images, their channel where the files hold several, and their axes where the user told them."""
    if not images:
        raise EMDiffError("No image is chosen, so there is no command to copy; choose one under Images.")
    missing = [image.name for image in images if image.file is None]
    if missing:
        raise EMDiffError(
            f"{missing[0]} is not a file by itself, so no command can name it; nothing was copied. Save it "
            "as a file and open that."
        )
    channel = _one_of_all(
        [image.channel for image in images],
        "The ticked images are different channels, which one command cannot name; nothing was copied. "
        "Tick images of one channel.",
    )
    axes = _one_of_all(
        [image.said.get("axes") for image in images],
        "The axes of some ticked images are in their files and those of others were told, which one command cannot "
        "say; nothing was copied. Tick images of one kind.",
    )
    given = {"--channel": channel, "--axes": axes}
    words = [word for name, value in given.items() if value is not None for word in (name, str(value))]
    return [*(str(image.file) for image in images), *words]


def _one_of_all(values: Sequence[Any], otherwise: str) -> Any:
    if len(set(values)) > 1:
        raise EMDiffError(otherwise)
    return values[0]
