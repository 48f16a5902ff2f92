"""The example that ships with EMDiff, under File > Open Sample."""

from typing import Any

__all__ = ["example"]


def example() -> list[tuple[Any, dict[str, Any], str]]:
    """Synthetic cells, blurred and noisy."""
    from emdiff_app.resources import resource_path

    from .reader import read

    return read(str(resource_path("example/recorded.tif")))
