"""Our page in napari's preferences, as far as this napari has such pages."""

from typing import TypeVar

__all__ = ["preference"]

T = TypeVar("T", bool, str)


def preference(name: str, default: T) -> T:
    """What the user has chosen; the default where there is nothing to read."""
    try:
        from napari.settings import get_plugin_settings

        value = getattr(get_plugin_settings("emdiff").emdiff, name)
    except (ImportError, KeyError, AttributeError):
        return default
    return value if type(value) is type(default) else default
