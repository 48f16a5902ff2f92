"""A prior as a file that a colleague can use: written, read, checked, passed on."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .card import Card, Network, Training
from .reading import read_card, read_preview

if TYPE_CHECKING:
    from .file import Verification, export_prior, read_prior, verify_prior, write_prior
    from .samples import contact_sheet, draw_samples, write_picture

# Found on first use: these need torch, and a card must be readable without it.
_HOME = {
    "Verification": "file",
    "contact_sheet": "samples",
    "draw_samples": "samples",
    "export_prior": "file",
    "read_prior": "file",
    "verify_prior": "file",
    "write_picture": "samples",
    "write_prior": "file",
}

__all__ = [
    "Card",
    "Network",
    "Training",
    "Verification",
    "contact_sheet",
    "draw_samples",
    "export_prior",
    "read_card",
    "read_preview",
    "read_prior",
    "verify_prior",
    "write_picture",
    "write_prior",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
