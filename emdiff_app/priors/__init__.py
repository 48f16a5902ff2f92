"""A prior as a file that a colleague can use: written, read, checked."""

from typing import TYPE_CHECKING, Any

from .card import Card, Training

if TYPE_CHECKING:
    from .file import read_card, read_prior, write_prior

__all__ = ["Card", "Training", "read_card", "read_prior", "write_prior"]


def __getattr__(name: str) -> Any:
    if name in ("read_card", "read_prior", "write_prior"):
        from . import file

        return getattr(file, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
