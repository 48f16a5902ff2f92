"""Where the files that ship with the program are: icons, the example stack, example recipes.

In a checkout they lie in the top-level `resources/`; in an installed wheel inside the package.
"""

from pathlib import Path

from .errors import EMDiffError

__all__ = ["resource_path"]

_PACKAGE = Path(__file__).parent


def resource_path(name: str) -> Path:
    """The path of the shipped file or folder `name`, such as `"example/recorded.tif"`."""
    for root in (_PACKAGE / "_resources", _PACKAGE.parent / "resources"):
        found = root / name
        if root.is_dir() and found.exists():
            return found
    raise EMDiffError(
        f"The file {name!r} that ships with EMDiff is missing; nothing of yours is lost. Install it again."
    )
