"""What learning starts from: nothing, a few clean images, clean images of another kind, or a prior."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from emdiff_app.errors import EMDiffError

__all__ = ["StartFrom"]


@dataclass(frozen=True)
class StartFrom:
    kind: Literal["nothing", "clean", "similar", "prior"] = "nothing"
    paths: tuple[Path, ...] = ()

    @property
    def in_words(self) -> str:
        """`3 images in clean/`, or the name of the one file."""
        if len(self.paths) > 1:
            return f"{len(self.paths)} images in {self.paths[0].parent.name}"
        return self.paths[0].name if self.paths else ""

    def fields(self) -> dict[str, Any]:
        """What a recipe calls it."""
        names = tuple(str(path.absolute()) for path in self.paths)
        match self.kind:
            case "clean" | "similar":
                return {self.kind: names}
            case "prior":
                return {"prior": names[0]}
        return {}

    def option(self) -> list[str]:
        """What the command line calls it: one pattern stands for all clean images."""
        if self.kind == "nothing" or not self.paths:
            return []
        first = self.paths[0].absolute()
        if len(self.paths) == 1:
            return ["--start", f"{self.kind}:{first}"]
        pattern = f"*{first.suffix}"
        if {path.absolute() for path in self.paths} != set(first.parent.glob(pattern)):
            raise EMDiffError(
                "No one pattern names the clean images that were chosen and no others, so nothing was copied; put them "
                "into a folder of their own."
            )
        return ["--start", f"{self.kind}:{first.parent / pattern}"]
