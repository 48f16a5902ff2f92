"""What the window remembers. Nothing in here can keep it from starting: what is not valid is left out."""

import contextlib
import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from platformdirs import user_config_path

from emdiff_app.errors import EMDiffError
from emdiff_app.images.atomic import write_bytes

__all__ = ["Settings", "SettingsFile", "default_file"]

LARGEST = 1 << 20
MOST_RECENT = 10
VERSION = 1


def default_file() -> Path:
    return user_config_path("emdiff", appauthor=False) / "window.json"


@dataclass(frozen=True)
class Settings:
    """`geometry` and `layout` are Qt's own words, in base 64."""

    recent: tuple[str, ...] = ()
    geometry: str = ""
    layout: str = ""
    runs_folder: str = ""  # empty: the default one
    device: str = "auto"
    offer_unfinished: bool = True

    def opened(self, path: Path) -> "Settings":
        """The same with `path` as the most recent file."""
        name = str(path.absolute())
        others = [other for other in self.recent if other != name]
        return replace(self, recent=(name, *others)[:MOST_RECENT])

    @classmethod
    def salvaged(cls, found: Any) -> "Settings":
        """Whatever of `found` is of the right kind; defaults for the rest."""
        if not isinstance(found, dict):
            return cls()
        known: dict[str, Any] = {}
        for field in fields(cls):
            value, default = found.get(field.name), getattr(cls(), field.name)
            if field.name == "recent" and isinstance(value, list):
                known["recent"] = tuple(v for v in value if isinstance(v, str))[:MOST_RECENT]
            elif type(value) is type(default):
                known[field.name] = value
        return cls(**known)


class SettingsFile:
    """The settings on disk; reading and writing never fail, at worst something is forgotten."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or default_file()

    def read(self) -> Settings:
        try:
            if self.path.stat().st_size > LARGEST:
                return Settings()
            return Settings.salvaged(json.loads(self.path.read_bytes()))
        except (OSError, ValueError, RecursionError):
            return Settings()

    def write(self, settings: Settings) -> None:
        """The old file stays until the new one is whole."""
        text = json.dumps({"version": VERSION, **asdict(settings)}, indent=2)
        with contextlib.suppress(OSError, EMDiffError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(self.path, text.encode(), overwrite=True)
