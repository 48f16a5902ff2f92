"""From a stack to a file: `save_stack` chooses the format, one `to_*` module writes each."""

from .save import Saved, Saving, save_stack

__all__ = ["Saved", "Saving", "save_stack"]
