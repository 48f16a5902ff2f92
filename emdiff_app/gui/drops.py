"""Files that were dropped on a window."""

from pathlib import Path
from typing import Any

__all__ = ["dropped_paths"]


def dropped_paths(mime: Any) -> list[Path]:
    """The local files and folders of a drop, in its order."""
    return [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
