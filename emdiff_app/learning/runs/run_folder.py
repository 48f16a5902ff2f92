"""A run is a folder: what was asked (recipe), what happened (events), where it can go back to."""

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from emdiff_app.errors import RunError
from emdiff_app.images.atomic import write_bytes
from emdiff_app.learning.recipe import SETTLED, Recipe
from emdiff_app.system import command_line

from .events import EventFollower, EventWriter, Failed, Notice, Paused, Resumed, Started
from .lock import Heartbeat
from .model_files import gathered
from .undoing import take_back, to_be_made

__all__ = ["Request", "RunFolder"]

Request = Literal["pause", "resume", "stop"]
RECIPE_LIMIT = 16 << 20


@dataclass(frozen=True)
class RunFolder:
    """The paths of a run and the few ways to touch them."""

    path: Path

    @classmethod
    def create(cls, path: Path, recipe: Recipe) -> "RunFolder":
        """Make a new run, or nothing; a folder that already holds something is never taken over."""
        path = cls.check_free(path)
        run, made = cls(path), to_be_made(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
            run.make_folders()
            own = recipe.model_copy(update={"model": gathered(recipe.model, path)})
            write_bytes(path / "recipe.json", _written(own), overwrite=False, error=RunError)
        except BaseException as error:
            take_back(path, made)
            if isinstance(error, OSError):
                raise RunError(
                    f"No run folder could be made at {path} ({error.strerror}); choose another."
                ) from None
            raise
        return run

    @staticmethod
    def check_free(path: Path) -> Path:
        """Refuse a place where a run cannot be made."""
        path = Path(path).absolute()
        if path.exists() and not path.is_dir():
            raise RunError(
                f"{path} is a file, so no run was started there and nothing was changed. Choose a new folder."
            )
        if path.exists() and any(path.iterdir()):
            go_on = (
                f", or go on with that run by `{RunFolder(path).resume_line}`"
                if (path / "recipe.json").exists()
                else ""
            )
            raise RunError(
                f"{path} already holds files, so no run was started there and nothing was changed. Choose a "
                f"new folder{go_on}."
            )
        return path

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """A run that exists."""
        path = Path(path).absolute()
        if not (path / "recipe.json").is_file():
            raise RunError(f"{path} is not a run folder (it has no recipe.json); nothing was changed.")
        return cls(path)

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def previews(self) -> Path:
        return self.path / "previews"

    @property
    def control(self) -> Path:
        return self.path / "control"

    @property
    def samples(self) -> Path:
        return self.path / "samples"

    @property
    def prior(self) -> Path:
        return self.path / "prior.emprior"

    @property
    def recipe(self) -> Recipe:
        file = self.path / "recipe.json"
        try:
            if file.stat().st_size > RECIPE_LIMIT:
                raise RunError(f"{file} is too large to be a recipe; nothing was changed.")
            recipe = Recipe.model_validate_json(file.read_bytes())
            return recipe.model_copy(update={"model": recipe.model.located(self.path, confined=True)})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            what = f"{where}: {first['msg']}. Mend that field" if where else f"{first['msg']}. Mend the file"
            raise RunError(f"{file} cannot be used: {what}; nothing was changed.") from None
        except OSError as error:
            raise RunError(f"{file} cannot be read ({error.strerror}).") from None

    @property
    def resume_line(self) -> str:
        """The command that goes on with it."""
        return command_line("emdiff", "resume", self.path)

    @property
    def settled(self) -> dict[str, Any]:
        """The choices that a run which has begun keeps to, as they stand in its recipe now."""
        recipe = Recipe.model_validate_json((self.path / "recipe.json").read_bytes())
        return recipe.model_dump(mode="json", include=set(SETTLED))

    def make_folders(self) -> None:
        """Those that a copy may have left behind, since they were empty."""
        for folder in (self.checkpoints, self.previews, self.control):
            folder.mkdir(exist_ok=True)

    @property
    def is_bare(self) -> bool:
        """Whether nothing of worth is in it: nobody works on it, nothing was learned, all that was said is why not."""
        folders = (self.checkpoints, self.previews, self.samples)
        if self.is_worked_on or self.prior.exists() or any(any(f.iterdir()) for f in folders if f.is_dir()):
            return False
        told = self.follower().read()
        harmless = (Started, Notice, Paused, Resumed)
        return all(isinstance(e, harmless) or (isinstance(e, Failed) and not e.details) for e in told)

    @property
    def is_worked_on(self) -> bool:
        """Whether a worker seems to be at it, here or on another computer."""
        return self._heartbeat.look()

    def shows_life(self) -> bool:
        """The same, after waiting for a sign of life where a worker elsewhere seems to be gone."""
        return self._heartbeat.listen()

    @cached_property
    def _heartbeat(self) -> Heartbeat:
        return Heartbeat(self.path / "lock")

    def writer(self) -> EventWriter:
        return EventWriter(self.path / "events.jsonl")

    def follower(self) -> EventFollower:
        return EventFollower(self.path / "events.jsonl")

    def ask(self, request: Request) -> None:
        """Leave a request for the worker; it looks at every step."""
        if request == "resume":
            (self.control / "pause").unlink(missing_ok=True)
            return
        self.control.mkdir(exist_ok=True)
        (self.control / request).touch()

    def asked(self, request: Literal["pause", "stop"]) -> bool:
        return os.path.lexists(self.control / request)

    @property
    def requests(self) -> dict[str, int]:
        """What is asked for at present, and when it was."""
        made = {}
        for request in ("pause", "stop"):
            with contextlib.suppress(OSError):
                made[request] = (self.control / request).lstat().st_mtime_ns
        return made

    def clear_requests(self, made: Mapping[str, int] | None = None) -> None:
        """Forget what is asked for: all of it, or only what was `made` before and not again since."""
        for request, when in self.requests.items():
            if made is None or made.get(request) == when:
                (self.control / request).unlink(missing_ok=True)


def _written(recipe: Recipe) -> bytes:
    """What can be read again."""
    try:
        content = recipe.model_dump_json(indent=2).encode()
    except PydanticSerializationError:
        names = (*recipe.stacks, *recipe.clean, *recipe.similar, recipe.prior or "")
        shown = [name.encode(errors="backslashreplace").decode() for name in names]
        odd = next((s for s, name in zip(shown, names, strict=True) if s != name), "A name")
        raise RunError(
            f"{odd} is not a name in UTF-8, which a recipe is written in, so nothing was started. Rename it."
        ) from None
    if len(content) > RECIPE_LIMIT:
        raise RunError(
            f"A recipe of {len(content) / 1e6:.0f} MB is too large, so nothing was started. Give fewer files, or the "
            "folder that they are in."
        )
    return content
