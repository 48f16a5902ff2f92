"""Whole stacks: a prior, an imaging model and a stack in; a clean estimate and its spread out."""

from typing import TYPE_CHECKING, Any

from .job import Cancelled, RestoreProgress

if TYPE_CHECKING:
    from .restorer import Restoration, restore

__all__ = ["Cancelled", "Restoration", "RestoreProgress", "restore"]


def __getattr__(name: str) -> Any:
    if name in ("Restoration", "restore"):
        from . import restorer as module

        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
