"""The panels and their state, for whatever window shows them. No napari, and no torch until it is needed."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .dock import Dock, Steps
    from .host import Host, ImageRef, Message, Result
    from .layers_host import LayersHost
    from .session import Session
    from .views.layouts import Views

__all__ = ["Dock", "Host", "ImageRef", "LayersHost", "Message", "Result", "Session", "Steps", "Views"]

_HOMES = {
    "Dock": "dock",
    "Steps": "dock",
    "Views": "views.layouts",
    "Host": "host",
    "ImageRef": "host",
    "Message": "host",
    "Result": "host",
    "LayersHost": "layers_host",
    "Session": "session",
}


def __getattr__(name: str) -> Any:
    # Lazy, so that napari can read our manifest and files without building widgets.
    import importlib

    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
